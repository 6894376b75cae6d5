import { createHash } from "node:crypto";
import { join, relative, resolve } from "node:path";
import { readFile } from "../util/files.ts";
import { cached } from "./cache.ts";
import { decodeImages } from "./decode.ts";
import { invalid, partNames, type ImageFiles, type PartName, type RawData, type ReadOptions } from "./images.ts";
import { listFolder, type Listing } from "./listing.ts";
import { checkClasses } from "./splits.ts";

const isImage = (name: string): boolean => /\.(jpe?g|png|webp)$/i.test(name);

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
function listPart(listing: Listing, classes: readonly string[]): ImageFiles {
  const { dir, folders } = listing;
  const strange = folders.find((name) => !classes.includes(name));
  if (strange !== undefined) throw invalid(`Cannot use data "${join(dir, strange)}": train has no such class`, layout);
  const labels: number[] = [];
  const files = classes.flatMap((name, label) => {
    if (!folders.includes(name))
      throw invalid(`Cannot use data "${dir}": it has no folder for class "${name}"`, layout);
    const inside = listFolder(join(dir, name));
    const [folder] = inside.folders;
    if (folder !== undefined)
      throw invalid(`Cannot use "${join(inside.dir, folder)}": it is a folder inside a class`, layout);
    const other = inside.files.find((file) => !isImage(file));
    if (other !== undefined) {
      throw invalid(
        `Cannot use "${join(inside.dir, other)}": it is no JPEG, PNG or WebP image`,
        "Remove or convert it.",
      );
    }
    if (inside.files.length === 0)
      throw invalid(`Cannot use class "${inside.dir}": it has no images`, "Add images or remove the folder.");
    for (let i = 0; i < inside.files.length; i++) labels.push(label);
    return inside.files.map((file) => join(inside.dir, file));
  });
  return { files, labels: Int32Array.from(labels) };
}

/** The folder of each part. */
function findParts(listing: Listing): Partial<Record<PartName, Listing>> {
  const loose = (where: Listing): void => {
    const image = where.files.find(isImage);
    if (image !== undefined)
      throw invalid(`Cannot use "${join(where.dir, image)}": it lies in no class folder`, layout);
  };
  loose(listing);
  const inside = listing.folders.map((name) => ({ name, folder: listFolder(join(listing.dir, name)) }));
  // A class may be called "train"; then it holds images and not folders.
  const isSplit = inside.some(({ name, folder }) => partFolders[name] === "train" && folder.folders.length > 0);
  if (!isSplit) return { train: listing };
  const parts: Partial<Record<PartName, Listing>> = {};
  for (const { name, folder } of inside) {
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

/** Names the content of the files: times and sizes would not tell every change, and change without one. */
function stampOf(dir: string, parts: Partial<Record<PartName, ImageFiles>>): string {
  const hash = createHash("sha256");
  for (const part of partNames) {
    for (const file of parts[part]?.files ?? []) {
      const bytes = readFile(file);
      hash.update(JSON.stringify([part, relative(dir, file), bytes.length])).update(bytes);
    }
  }
  return hash.digest("hex");
}

/**
 * A folder for each class, perhaps below `train`, `val` and `test`. Images are decoded once and kept in a cache
 * that serves as long as their content is the same.
 *
 * @throws MnasError `DATA_INVALID` naming the file, folder or class.
 */
export function readImageFolder(listing: Listing, { size, cacheDir }: ReadOptions): Promise<RawData> {
  const folders = findParts(listing);
  const classes = folders.train!.folders;
  const parts: Partial<Record<PartName, ImageFiles>> = {};
  for (const part of partNames) {
    const folder = folders[part];
    if (folder !== undefined) parts[part] = listPart(folder, classes);
  }
  checkClasses(listing.dir, classes, {
    train: parts.train!.labels,
    validation: parts.validation?.labels ?? null,
    test: parts.test?.labels ?? null,
  });
  const place = `${resolve(listing.dir)} at ${size ?? "any size"}`;
  return cached(place, { stamp: stampOf(listing.dir, parts), cacheDir }, () =>
    decodeImages(listing.dir, classes, parts, size),
  );
}
