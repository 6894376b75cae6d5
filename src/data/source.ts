import { readSync } from "node:fs";
import { isTooDamaged, tellDamage, usualDamage } from "./damage.ts";
import { checkRead } from "./decode.ts";
import { decodeAside } from "./decoder.ts";
import { pathOf, type FileIndex } from "./file-index.ts";
import { invalid, sizeOf, upTo, type Images } from "./images.ts";

/** Pictures that stay on the disk and are decoded when they are needed, with what they show. Plain data, as `Images`. */
export interface StoredImages extends Omit<Images, "pixels"> {
  readonly files: FileIndex;
  /** Number of each image in the index. */
  readonly places: Uint32Array;
}

/** Pictures in memory, with what they show. Plain data; parts that were cut from one share its pixels. */
export interface HeldImages extends Omit<Images, "pixels"> {
  /** Of all images, those of other parts too. */
  readonly all: Uint8Array;
  /** Number of each image among all. */
  readonly places: Uint32Array;
  /** Where they were decoded from, in the same order; null if they have no files of their own. */
  readonly files: FileIndex | null;
}

/** Decoded pictures in an open file, of which all processes that have it share what the system keeps in memory. */
export interface FiledImages extends Omit<HeldImages, "all"> {
  readonly fd: number;
  /** Where in the file its pixels begin, in bytes; those of parts that were cut from one are the same. */
  readonly start: number;
}

/** One part of a data set. */
export type ImageSource = HeldImages | FiledImages | StoredImages;

export const isInMemory = (source: ImageSource): source is HeldImages => "all" in source;

/** Whether its images are decoded, wherever they are. */
export const isDecoded = (source: ImageSource): source is HeldImages | FiledImages =>
  isInMemory(source) || "fd" in source;

/** A source of all images, and of the files that they were decoded from. */
export const heldImages = ({ pixels, ...images }: Images, files: FileIndex | null = null): HeldImages => ({
  ...images,
  all: pixels,
  places: upTo(images.count),
  files,
});

/** All images of an index, as squares of `side` px. */
export function storedImages(
  files: FileIndex,
  shape: { readonly side: number; readonly channels: number },
): StoredImages {
  const { labels } = files;
  const count = labels.length;
  return { count, height: shape.side, width: shape.side, channels: shape.channels, labels, files, places: upTo(count) };
}

const labelsOf = ({ labels }: ImageSource, indices: Uint32Array): Int32Array =>
  Int32Array.from(indices, (i) => labels[i]!);

/** A source of the images at `indices`, in that order. */
export const select = (source: ImageSource, indices: Uint32Array): ImageSource => ({
  ...source,
  count: indices.length,
  labels: labelsOf(source, indices),
  places: indices.map((i) => source.places[i]!),
});

/** The decoded images at `indices`, copied. */
export function copyImages(source: HeldImages | FiledImages, indices: Uint32Array): Images {
  const { height, width, channels, places } = source;
  const size = sizeOf(source);
  const pixels = new Uint8Array(indices.length * size);
  const copy = (place: number, to: number): void => {
    if (isInMemory(source)) pixels.set(source.all.subarray(place * size, (place + 1) * size), to);
    else if (readSync(source.fd, pixels, to, size, source.start + place * size) !== size)
      throw new Error("internal: the file of decoded images is cut off");
  };
  indices.forEach((i, to) => copy(places[i]!, to * size));
  return { count: indices.length, height, width, channels, pixels, labels: labelsOf(source, indices) };
}

/** The size of images to crop from, as a multiple of that of the crop: 256 px for 224. */
const cropRatio = 8 / 7;

/** The same images larger, to crop from, decoded anew from their files; those without are as large as they are. */
export function largerOf(source: ImageSource): ImageSource {
  const { count, channels, labels, places, files } = source;
  if (files === null) return source;
  const side = Math.ceil(source.height * cropRatio);
  return { count, channels, labels, places, files, height: side, width: side };
}

/** Images that were loaded of an index, and how many of them were damaged. */
const loads = new WeakMap<FileIndex, { loaded: number; damaged: number }>();

/** Images after which a share says something. */
const enough = 1000;

/** Throws when too many of the images that were loaded of an index are damaged. */
function countDamage(files: FileIndex, loaded: number, damaged: number): void {
  const all = loads.get(files) ?? { loaded: 0, damaged: 0 };
  loads.set(files, all);
  all.loaded += loaded;
  all.damaged += damaged;
  const { mostDamaged = usualDamage } = files;
  const isEnough = all.loaded >= Math.min(enough, files.labels.length) || mostDamaged === 0;
  if (damaged === 0 || !isEnough || !isTooDamaged(all.damaged, all.loaded, mostDamaged)) return;
  throw invalid(
    `Cannot use the images: ${all.damaged} of the ${all.loaded} that were loaded cannot be decoded`,
    "Replace what is damaged, or allow a larger share with --most-damaged.",
  );
}

/**
 * The images at `indices`, in that order, in memory; the same bits each time. Files on the disk that turn out to be damaged
 * are left out, and `onDamage` is told: they come to light hours after a training began.
 *
 * @throws MnasError `DATA_INVALID` naming the files that cannot be read, or when too many are damaged.
 */
export async function loadImages(source: ImageSource, indices: Uint32Array): Promise<Images> {
  if (isDecoded(source)) return copyImages(source, indices);
  const { files, places, height, width, channels } = source;
  const paths = Array.from(indices, (i) => pathOf(files, places[i]!));
  const { shift = 0 } = files;
  const shape = { side: height, channels, ...(shift === 0 ? {} : { shift }) };
  const { pixels, failures } = await decodeAside(paths, shape);
  checkRead(failures);
  const images = { count: indices.length, height, width, channels, pixels, labels: labelsOf(source, indices) };
  if (failures.length === 0) {
    countDamage(files, indices.length, 0);
    return images;
  }
  failures.forEach(tellDamage);
  countDamage(files, indices.length, failures.length);
  const damaged = new Set(failures.map(({ i }) => i));
  return copyImages(heldImages(images), Uint32Array.from(indices.keys().filter((i) => !damaged.has(i))));
}

/** Batches that are loaded while one is worked on: the second makes up for a batch of large files. */
const ahead = 2;

/**
 * Gives batch `k` on demand, of the images that `indicesOf` names, and meanwhile loads the next ones, `k + stride` and so
 * on, until `indicesOf` names none. Throws as `loadImages` does.
 */
export function prefetch(
  source: ImageSource,
  indicesOf: (k: number) => Uint32Array | null,
  stride = 1,
): (k: number) => Promise<Images> {
  let loading = new Map<number, Promise<Images>>();
  return (k) => {
    const kept = new Map<number, Promise<Images>>();
    for (let key = k; key <= k + ahead * stride; key += stride) {
      const indices = loading.has(key) ? null : indicesOf(key);
      const images = loading.get(key) ?? (indices === null ? undefined : loadImages(source, indices));
      if (images === undefined) break;
      // Whoever takes it sees why it failed; when nobody does, that is no error.
      images.catch(() => {});
      kept.set(key, images);
    }
    loading = kept;
    const images = kept.get(k);
    if (images === undefined) throw new RangeError(`Cannot load batch ${k}: it has no images`);
    kept.delete(k);
    return images;
  };
}
