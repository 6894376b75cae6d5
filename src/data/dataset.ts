import { basename, dirname, resolve } from "node:path";
import { createRng, type Rng } from "../util/rng.ts";
import { readCifarFolder } from "./cifar.ts";
import { usualDamage } from "./damage.ts";
import { embeddedName, readEmbedded } from "./embedded.ts";
import { readIdxFolder } from "./idx.ts";
import { readImageFiles, type FolderData } from "./image-folder.ts";
import { invalid, partNames, type Images, type PartName, type RawData, type ReadOptions } from "./images.ts";
import { findByTable } from "./label-table.ts";
import { findClassFolders } from "./layout.ts";
import type { Listing } from "./listing.ts";
import { locate, type Kind } from "./locate.ts";
import { contentKey } from "./pack.ts";
import { heldImages, select, type ImageSource } from "./source.ts";
import { cutStratified, settleClasses } from "./splits.ts";
import { statisticsFor } from "./statistics.ts";

export type { Images } from "./images.ts";

/** Labelled images in three parts, with what is needed to train on them. */
export interface Dataset {
  readonly name: string;
  /** As the user gave it. */
  readonly source: string;
  readonly classes: readonly string[];
  readonly train: ImageSource;
  readonly validation: ImageSource;
  /** For finalists only. */
  readonly test: ImageSource;
  /** Of each channel over the train part, or over a sample where this is not in memory, of pixel / 255. */
  readonly mean: readonly number[];
  /** Standard deviation, likewise; never 0. */
  readonly deviation: readonly number[];
  /** Whether a mirrored image is still one of its class. */
  readonly canFlip: boolean;
  /**
   * The same for the same images and labels, wherever they lie and however they are split. Images that are not in memory
   * go by their names and the sizes of their files.
   */
  readonly key: string;
  /** Sentences on what is unusual about the data, what was left out, and what that means. */
  readonly warnings: readonly string[];
}

export interface LoadOptions {
  /** Decides which images are cut from the train part to validate with; those to test with are always the same. */
  readonly seed: number | string;
  /** Side of the images in px; for folders of images. */
  readonly size?: number;
  /** Share of the train part that becomes the validation part when the data bring none. */
  readonly validationShare?: number;
  /** Where decoded images are kept; as `cacheFolder` says by default. */
  readonly cacheDir?: string;
  /** Bytes of pixels up to which a folder of images is held in memory, 1 GiB; those of a larger one stay on the disk. */
  readonly mostInMemory?: number;
  /** Share of damaged images up to which the others are used, 0.1; a single one never stops, but for 0. */
  readonly mostDamaged?: number | undefined;
  /** Whether everything unusual is an error, and not a warning. */
  readonly isStrict?: boolean | undefined;
}

/** Share of the images that becomes the test part when the data bring none. */
const testShare = 1 / 8;

type Reader = (listing: Listing, options: ReadOptions) => RawData | Promise<FolderData>;

const readers: Readonly<Record<Kind, Reader>> = {
  idx: readIdxFolder,
  cifar: readCifarFolder,
  folders: (listing, options) => readImageFiles(listing.dir, findClassFolders(listing), options),
  table: (listing, options) => readImageFiles(listing.dir, findByTable(listing, options.mostDamaged), options),
};

async function readFolder(dir: string, options: ReadOptions) {
  const { listing, kind, warnings } = locate(dir);
  const data = await readers[kind](listing, options);
  const canFlip = data.canFlip ?? !showsDigits(listing.dir, data.classes);
  return { ...data, canFlip, warnings: [...warnings, ...(data.warnings ?? [])] };
}

const sourceOf = (images: Images | ImageSource): ImageSource => ("pixels" in images ? heldImages(images) : images);

type Parts = Readonly<Record<PartName, ImageSource | null>> & { readonly train: ImageSource };

function checkShapes(source: string, data: Parts, size: number | undefined): void {
  const { height, width } = data.train;
  for (const part of partNames) {
    const images = data[part];
    if (images === null || (images.height === height && images.width === width)) continue;
    throw invalid(
      `Cannot use data "${source}": the ${part} part has images of ${images.height}×${images.width}, train of ${height}×${width}`,
      "Make all images one size.",
    );
  }
  if (size !== undefined && (size !== height || size !== width)) {
    throw invalid(
      `Cannot use data "${source}" at ${size} px: its images are ${height}×${width}`,
      "Leave out --size; it is for images in files.",
    );
  }
}

/** The images of classes that can be learnt, with their places among these. */
function learnable(source: string, all: readonly string[], parts: Parts) {
  const labels = {
    train: parts.train.labels,
    validation: parts.validation?.labels ?? null,
    test: parts.test?.labels ?? null,
  };
  const { classes, places, warnings } = settleClasses(source, all, labels);
  if (classes.length === all.length) return { classes, parts, warnings };
  const settled = <T extends ImageSource | null>(part: T): T => {
    if (part === null) return part;
    const kept = select(part, Uint32Array.from(part.labels.keys().filter((i) => places[part.labels[i]!]! >= 0)));
    return { ...kept, labels: kept.labels.map((label) => places[label]!) } as ImageSource as T;
  };
  const { train, validation, test } = parts;
  return { classes, parts: { train: settled(train), validation: settled(validation), test: settled(test) }, warnings };
}

/** A mirrored digit is none; only names tell digits from other things with ten numbered classes. */
function showsDigits(source: string, classes: readonly string[]): boolean {
  const path = resolve(source);
  const name = `${basename(dirname(path))}/${basename(path)}`;
  return classes.join() === "0,1,2,3,4,5,6,7,8,9" && /mnist|digits|svhn/i.test(name) && !/fashion/i.test(name);
}

/**
 * Reads labelled images: the embedded sample (`undefined` or `fashion-mnist`), or a folder of IDX files, CIFAR-10
 * batches or images.
 *
 * @throws MnasError `DATA_NOT_FOUND`, `DATA_INVALID` naming the file or class that is wrong.
 */
export async function loadDataset(source: string | undefined, options: LoadOptions): Promise<Dataset> {
  const { seed, size, validationShare = 1 / 8, cacheDir, mostInMemory = 2 ** 30, isStrict = false } = options;
  const mostDamaged = isStrict ? 0 : (options.mostDamaged ?? usualDamage);
  if (!(validationShare > 0 && validationShare < 1))
    throw new RangeError(`validationShare is ${validationShare}, must be between 0 and 1`);
  const isEmbedded = source === undefined || source === embeddedName;
  const from = source ?? embeddedName;
  const data = isEmbedded ? readEmbedded() : await readFolder(from, { size, cacheDir, mostInMemory, mostDamaged });
  const key = "key" in data ? data.key : contentKey(data);
  const read: Parts = {
    train: sourceOf(data.train),
    validation: data.validation && sourceOf(data.validation),
    test: data.test && sourceOf(data.test),
  };
  checkShapes(from, read, size);
  const { classes, parts, warnings: told } = learnable(from, data.classes, read);
  const warnings = [...(data.warnings ?? []), ...told];
  if (isStrict && warnings.length > 0)
    throw invalid(
      `Cannot use data "${from}" strictly: ${warnings.join("; ")}`,
      "Mend the data, or leave out --strict-data.",
    );
  const { train, validation, test } = parts;

  const cut = (images: ImageSource, share: number, rng: Rng): { rest: ImageSource; part: ImageSource } => {
    const indices = cutStratified(images.labels, classes.length, share, rng);
    return { rest: select(images, indices.kept), part: select(images, indices.cut) };
  };
  // Whatever the seed, the same images are never trained on: all searches on some data are tested on the same ones.
  const tested = test === null ? cut(train, testShare, createRng("test")) : { rest: train, part: test };
  const validated =
    validation === null
      ? cut(tested.rest, validationShare, createRng(seed).fork("validation"))
      : { rest: tested.rest, part: validation };
  return {
    name: isEmbedded ? embeddedName : basename(resolve(from)),
    source: from,
    classes,
    train: validated.rest,
    validation: validated.part,
    test: tested.part,
    ...(await statisticsFor(validated.rest, { key, split: `${seed}/${validationShare}`, cacheDir })),
    canFlip: data.canFlip ?? true,
    key,
    warnings,
  };
}

/** One line: name, counts, shape, classes. */
export function describeDataset({ name, train, validation, test, classes }: Dataset): string {
  const shape = `${train.height}×${train.width}×${train.channels}`;
  return `${name}: ${train.count} training, ${validation.count} validation and ${test.count} test images of ${shape} in ${classes.length} classes`;
}
