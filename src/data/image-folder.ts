import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { breathe } from "../util/async.ts";
import { readFile } from "../util/files.ts";
import { cached } from "./cache.ts";
import { bytesOf, decodeImages, largestDefault, surveyFiles, type DecodedShape } from "./decode.ts";
import { indexFiles, nameOf, pathOf, pathsOf, type ClassFiles, type FileIndex } from "./file-index.ts";
import { invalid, partNames, type PartName, type RawData, type ReadOptions } from "./images.ts";
import { isImage, listFolder, type Listing } from "./listing.ts";
import { contentKey } from "./pack.ts";
import { heldImages, storedImages, type ImageSource } from "./source.ts";
import { checkClasses } from "./splits.ts";
import { sampleOf } from "./statistics.ts";

const partFolders: Readonly<Record<string, PartName>> = {
  train: "train",
  training: "train",
  val: "validation",
  valid: "validation",
  validation: "validation",
  test: "test",
};

const layout =
  "Images must lie in DIR/class/ or in DIR/train/class/, with DIR/val/class/ and DIR/test/class/ if you like.";

/** The images of one part, whose folders are its classes. */
function listPart({ dir, folders }: Listing, classes: readonly string[]): FileIndex {
  const strange = folders.find((name) => !classes.includes(name));
  if (strange !== undefined) throw invalid(`Cannot use data "${join(dir, strange)}": train has no such class`, layout);
  const missing = classes.find((name) => !folders.includes(name));
  if (missing !== undefined) throw invalid(`Cannot use data "${dir}": it has no folder for class "${missing}"`, layout);
  return indexFiles(classes.values().map((name) => listClass(join(dir, name))));
}

function listClass(dir: string): ClassFiles {
  const { files, folders } = listFolder(dir);
  const [folder] = folders;
  if (folder !== undefined) throw invalid(`Cannot use "${join(dir, folder)}": it is a folder inside a class`, layout);
  const other = files.find((file) => !isImage(file));
  if (other !== undefined)
    throw invalid(`Cannot use "${join(dir, other)}": it is no JPEG, PNG or WebP image`, "Remove or convert it.");
  if (files.length === 0)
    throw invalid(`Cannot use class "${dir}": it has no images`, "Add images or remove the folder.");
  return { dir, names: files };
}

/** The folder of each part. */
function findParts(listing: Listing): Partial<Record<PartName, Listing>> {
  const loose = (where: Listing): void => {
    const image = where.files.find(isImage);
    if (image !== undefined)
      throw invalid(`Cannot use "${join(where.dir, image)}": it lies in no class folder`, layout);
  };
  loose(listing);
  const inside = (name: string): Listing => listFolder(join(listing.dir, name));
  // A class may be called "train"; then it holds images and not folders.
  const isSplit = listing.folders.some((name) => partFolders[name] === "train" && inside(name).folders.length > 0);
  if (!isSplit) return { train: listing };
  const parts: Partial<Record<PartName, Listing>> = {};
  for (const name of listing.folders) {
    const folder = inside(name);
    const part = partFolders[name];
    if (part === undefined)
      throw invalid(`Cannot use data "${folder.dir}": beside train there may be val and test only`, layout);
    if (parts[part] !== undefined)
      throw invalid(`Cannot use data "${folder.dir}": there are two folders of the ${part} part`, layout);
    loose(folder);
    parts[part] = folder;
  }
  return parts;
}

export const hasImages = ({ files, folders }: Listing): boolean => folders.length > 0 || files.some(isImage);

/** Images with files, and the key of the data set, which the content of too many of them would take too long to give. */
export interface FolderData extends RawData<ImageSource> {
  readonly key: string;
}

type Files = Readonly<Partial<Record<PartName, FileIndex>>>;

const indicesOf = (files: Files): FileIndex[] => partNames.flatMap((part) => files[part] ?? []);

const countOf = (files: Files): number => indicesOf(files).reduce((sum, { labels }) => sum + labels.length, 0);

/** Names the content of the files: times and sizes would not tell every change, and change without one. */
async function stampOf(dir: string, files: Files): Promise<string> {
  const hash = createHash("sha256");
  for (const part of partNames) {
    for (const file of files[part] === undefined ? [] : pathsOf(files[part])) {
      // Ctrl-C is heard between two files.
      await breathe();
      const bytes = readFile(file);
      hash.update(JSON.stringify([part, relative(dir, file), bytes.length])).update(bytes);
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
      hash.update(JSON.stringify([index.labels[i], nameOf(index, i), sizeOfFile(pathOf(index, i))]));
    }
  }
  return hash.digest("hex");
}

/** Images that show what those of a folder are like that may be too large for the memory. */
const surveyed = 10_000;

function surveySome(files: Files, size: number | undefined): Promise<DecodedShape> {
  const share = Math.min(1, surveyed / countOf(files));
  const paths = indicesOf(files).flatMap((index) => {
    const { length } = index.labels;
    return Array.from(sampleOf(length, Math.ceil(share * length), "survey"), (i) => pathOf(index, i));
  });
  return surveyFiles(paths, size);
}

/**
 * A folder for each class, perhaps below `train`, `val` and `test`. Images are decoded once and kept in a cache
 * that serves as long as their content is the same; those of a folder that is too large for the memory stay on the disk.
 *
 * @throws MnasError `DATA_INVALID` naming the file, folder or class.
 */
export async function readImageFolder(
  listing: Listing,
  { size, cacheDir, mostInMemory }: ReadOptions,
): Promise<FolderData> {
  const folders = findParts(listing);
  const classes = folders.train!.folders;
  const files: Partial<Record<PartName, FileIndex>> = {};
  for (const part of partNames) {
    const folder = folders[part];
    if (folder !== undefined) files[part] = listPart(folder, classes);
  }
  checkClasses(listing.dir, classes, {
    train: files.train!.labels,
    validation: files.validation?.labels ?? null,
    test: files.test?.labels ?? null,
  });
  const fits = (shape: DecodedShape): boolean => countOf(files) * bytesOf(shape) <= mostInMemory;
  const isSmall = fits({ side: size ?? largestDefault, channels: 3 });
  const shape = isSmall ? null : await surveySome(files, size);
  const sourced = (key: string, sourceOf: (part: PartName, index: FileIndex) => ImageSource): FolderData => {
    const { train, validation, test } = files;
    return {
      classes,
      key,
      train: sourceOf("train", train!),
      validation: validation === undefined ? null : sourceOf("validation", validation),
      test: test === undefined ? null : sourceOf("test", test),
    };
  };
  if (shape !== null && !fits(shape))
    return sourced(keyOf(classes, files, shape), (_, index) => storedImages(index, shape));
  const place = `${resolve(listing.dir)} at ${size ?? "any size"}`;
  const data = await cached(place, { stamp: await stampOf(listing.dir, files), cacheDir }, async () =>
    decodeImages(classes, files, shape ?? (await surveyFiles(indicesOf(files).flatMap(pathsOf), size))),
  );
  return sourced(contentKey(data), (part, index) => heldImages(data[part]!, index));
}

function sizeOfFile(file: string): number {
  try {
    return statSync(file).size;
  } catch (error) {
    throw invalid(`Cannot read "${file}": ${String(error)}`, "Mend or remove it.", error);
  }
}
