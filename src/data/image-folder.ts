import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { relative, resolve } from "node:path";
import { breathe } from "../util/async.ts";
import { readFile } from "../util/files.ts";
import { openable } from "../util/names.ts";
import { cached } from "./cache.ts";
import { checkDamage } from "./damage.ts";
import { bytesOf, decodeImages, largestDefault, surveyFiles, type DecodedShape, type Survey } from "./decode.ts";
import { nameOf, pathOf, pathsOf, pickFiles, type FileIndex } from "./file-index.ts";
import { looksLikeImage, mayBeDeep } from "./formats.ts";
import type { FoundFiles } from "./found.ts";
import {
  invalid,
  partNames,
  upTo,
  type DecodingNotes,
  type PartName,
  type RawData,
  type ReadOptions,
} from "./images.ts";
import { contentKey } from "./pack.ts";
import { heldImages, storedImages, type ImageSource } from "./source.ts";
import { settleClasses } from "./splits.ts";
import { sampleOf } from "./statistics.ts";

/** Images with files, and the key of the data set, which the content of too many of them would take too long to give. */
export interface FolderData extends RawData<ImageSource> {
  readonly key: string;
}

type Files = Readonly<Partial<Record<PartName, FileIndex>>>;

const indicesOf = (files: Files): FileIndex[] => partNames.flatMap((part) => files[part] ?? []);

const countOf = (files: Files): number => indicesOf(files).reduce((sum, { labels }) => sum + labels.length, 0);

/** Names the content and the classes of the files: times and sizes would not tell every change, and change without one. */
async function stampOf(dir: string, classes: readonly string[], files: Files): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(classes));
  for (const part of partNames) {
    // Of files in a table no path says the class.
    hash.update(files[part]?.labels ?? "");
    for (const file of files[part] === undefined ? [] : pathsOf(files[part])) {
      // Ctrl-C is heard between two files.
      await breathe();
      const bytes = readFile(file);
      hash.update(JSON.stringify([part, relative(dir, file), bytes.length])).update(bytes);
      // Once they were decoded by their upper 8 bits, whatever these held.
      if (looksLikeImage(bytes) && mayBeDeep(bytes)) hash.update("deep");
    }
  }
  return hash.digest("hex");
}

/** Names the files by class, name and size; a change that leaves all of these is not seen. */
function keyOf(classes: readonly string[], files: Files, shape: DecodedShape): string {
  const counts = partNames.map((part) => files[part]?.labels.length ?? null);
  const hash = createHash("sha256").update(JSON.stringify([classes, shape, counts]));
  for (const index of indicesOf(files)) {
    for (let i = 0; i < index.labels.length; i++) {
      hash.update(JSON.stringify([index.labels[i], nameOf(index, i).normalize(), sizeOfFile(pathOf(index, i))]));
    }
  }
  return hash.digest("hex");
}

/** Images that show what those of a folder are like that may be too large for the memory. */
const surveyed = 10_000;

function surveySome(files: Files, size: number | undefined): Promise<Survey> {
  const share = Math.min(1, surveyed / countOf(files));
  const paths = indicesOf(files).flatMap((index) => {
    const { length } = index.labels;
    return Array.from(sampleOf(length, Math.ceil(share * length), "survey"), (i) => pathOf(index, i));
  });
  return surveyFiles(paths, size);
}

/** The files that were decoded. */
function withoutLeftOut(files: Files, { leftOut, shift }: DecodingNotes, mostDamaged: number): Files {
  return Object.fromEntries(
    partNames.flatMap((part) => {
      const index = files[part];
      if (index === undefined) return [];
      const out = new Set(leftOut.filter((each) => each.part === part).map(({ i }) => i));
      const kept =
        out.size === 0
          ? index
          : pickFiles(
              index,
              upTo(index.labels.length).filter((i) => !out.has(i)),
            );
      return [[part, { ...kept, mostDamaged, ...(shift === 0 ? {} : { shift }) }]];
    }),
  );
}

const tellShift = (shift: number): string =>
  `the values of 16-bit images use ${16 - shift} bits only: all are multiplied by ${2 ** shift}, as an app must do too`;

/**
 * Reads images by their files. They are decoded once and kept in a cache that serves as long as their content is the
 * same; those of a data set that is too large for the memory stay on the disk. Damaged ones are left out.
 *
 * @throws MnasError `DATA_INVALID` naming the file or class, or damaged images when they are too many.
 */
export async function readImageFiles(
  dir: string,
  { classes, files, warnings }: FoundFiles,
  { size, cacheDir, mostInMemory, mostDamaged }: ReadOptions,
): Promise<FolderData> {
  const all = countOf(files);
  settleClasses(dir, classes, {
    train: files.train!.labels,
    validation: files.validation?.labels ?? null,
    test: files.test?.labels ?? null,
  });
  const fits = (shape: DecodedShape): boolean => all * bytesOf(shape) <= mostInMemory;
  const isSmall = fits({ side: size ?? largestDefault, channels: 3 });
  const survey = isSmall ? null : await surveySome(files, size);
  const sourced = (
    key: string,
    used: Files,
    told: readonly (string | null)[],
    sourceOf: (part: PartName, index: FileIndex) => ImageSource,
  ): FolderData => {
    const { train, validation, test } = used;
    return {
      classes,
      key,
      train: sourceOf("train", train!),
      validation: validation === undefined ? null : sourceOf("validation", validation),
      test: test === undefined ? null : sourceOf("test", test),
      warnings: [...warnings, ...told.filter((sentence) => sentence !== null)],
    };
  };
  if (survey !== null && !fits(survey.shape)) {
    const { shape, failures, looked } = survey;
    const { shift = 0 } = shape;
    const used = withoutLeftOut(files, { shift, leftOut: [] }, mostDamaged);
    const told = [checkDamage(dir, failures, looked, mostDamaged), shift === 0 ? null : tellShift(shift)];
    return sourced(keyOf(classes, files, shape), used, told, (_, index) => storedImages(index, shape));
  }
  const place = `${resolve(dir)} at ${size ?? "any size"}`;
  const data = await cached(place, { stamp: await stampOf(dir, classes, files), cacheDir }, async () => {
    const shape = survey?.shape ?? (await surveyFiles(indicesOf(files).flatMap(pathsOf), size)).shape;
    const decoded = await decodeImages(classes, files, shape);
    tellLeftOut(decoded);
    return decoded;
  });
  const { notes = { shift: 0, leftOut: [] } } = data;
  const used = withoutLeftOut(files, notes, mostDamaged);
  const told = [tellLeftOut(data), notes.shift === 0 ? null : tellShift(notes.shift)];
  return sourced(contentKey(data), used, told, (part, index) => heldImages(data[part]!, index));

  /** Before anything is kept: nothing is when too much is damaged. */
  function tellLeftOut({ notes: found }: RawData): string | null {
    const damages = found?.leftOut.map(({ part, i, reason }) => ({ file: pathOf(files[part]!, i), reason })) ?? [];
    return checkDamage(dir, damages, all, mostDamaged);
  }
}

function sizeOfFile(file: string): number {
  try {
    return statSync(openable(file)).size;
  } catch (error) {
    throw invalid(`Cannot read "${file}": ${String(error)}`, "Mend it, or what it links to.", error);
  }
}
