import { readFile } from "node:fs/promises";
import { usableCores } from "../util/machine.ts";
import { openable } from "../util/names.ts";
import { decodeBmp } from "./bmp.ts";
import { pathsOf, type FileIndex } from "./file-index.ts";
import { formatOf, mayBeDeep } from "./formats.ts";
import { invalid, partNames, type Images, type LeftOut, type PartName, type RawData } from "./images.ts";

/** Largest side, in px, that is chosen without being asked for. */
export const largestDefault = 64;

/** What images become when they are decoded: squares of `side` px. */
export interface DecodedShape {
  readonly side: number;
  /** 1 or 3. */
  readonly channels: number;
  /** Bits by which values of 16 bits move up first; none if it is not there. See `shiftFor`. */
  readonly shift?: number;
}

export const bytesOf = ({ side, channels }: DecodedShape): number => side * side * channels;

/** A file that could not be decoded; plain data. */
export interface Failure {
  /** Its place among the files. */
  readonly i: number;
  readonly file: string;
  readonly reason: string;
  /** Whether it was read, and holds no image. */
  readonly isDamaged: boolean;
}

/** Works on the files, a few at a time. Gives the failures, in the order of the files. */
async function forEachFile(
  files: readonly string[],
  atOnce: number,
  work: (file: string, i: number) => Promise<void>,
): Promise<Failure[]> {
  const failures: Failure[] = [];
  const left = files.entries();
  const worker = async (): Promise<void> => {
    // The workers share one iterator.
    for (const [i, file] of left) {
      try {
        await work(file, i);
      } catch (error) {
        const reason = (error instanceof Error ? error.message : String(error)).trim().split("\n").at(-1)!;
        failures.push({ i, file, reason, isDamaged: !(error instanceof Error && "syscall" in error) });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return failures.toSorted((a, b) => a.i - b.i);
}

/** An error of files that cannot be read. */
function unreadable([first, ...others]: readonly Failure[]): Error {
  const { file, reason } = first!;
  const named = others.slice(0, 4).map((other) => `"${other.file}"`);
  const unnamed = others.length > 4 ? [`${others.length - 4} more`] : [];
  const also = others.length === 0 ? "" : `; nor ${[...named, ...unnamed].join(", ")}`;
  return invalid(`Cannot read "${file}": ${reason}${also}`, "Make sure that the files are there and can be read.");
}

const isUnread = ({ isDamaged }: Failure): boolean => !isDamaged;

/** Throws when a file could not even be read. */
export function checkRead(failures: readonly Failure[]): void {
  const unread = failures.filter(isUnread);
  if (unread.length > 0) throw unreadable(unread);
}

/**
 * Opens images from their bytes, and not by name: sharp would remember what a file held before. What a decoder only warns of,
 * such as bytes that belong to nothing, is in many collections of photographs.
 */
async function opener() {
  const { default: sharp } = await import("sharp");
  const open = (bytes: Buffer) => {
    if (formatOf(bytes) !== "BMP") return sharp(bytes, { failOn: "error" });
    const { data, ...size } = decodeBmp(bytes);
    return sharp(data, { raw: { ...size, channels: 4 } });
  };
  return {
    open: async (file: string) => open(await readFile(openable(file))),
    /** The same, turned as the camera says, with values of 16 bits moved up by `shift` bits. */
    openUpright: async (file: string, shift: number) => {
      const bytes = await readFile(openable(file));
      const image = open(bytes).autoOrient();
      if (!mayBeDeep(bytes)) return image;
      const { depth, space } = await image.metadata();
      if (depth === "uchar") return image;
      if (depth !== "ushort") throw new Error(wrongDepth(depth));
      if (shift === 0) return image;
      const plain = image.toColourspace(space === "grey16" ? "grey16" : "rgb16").raw({ depth: "ushort" });
      const { data, info } = await plain.toBuffer({ resolveWithObject: true });
      const values = new Uint16Array(data.buffer, data.byteOffset, data.length / 2);
      const { width, height, channels } = info;
      return sharp(moveUp(values, channels, shift), { raw: { width, height, channels } });
    },
  };
}

const wrongDepth = (depth: string | undefined): string =>
  `its values are of the type ${depth}, must be whole numbers of 8 or 16 bits`;

/** An opacity that already uses all bits stays. */
function moveUp(values: Uint16Array, channels: number, shift: number): Uint16Array {
  const hasAlpha = channels === 2 || channels === 4;
  const alpha = channels - 1;
  const most = 0xffff >> shift;
  const isWide = hasAlpha && values.some((value, i) => i % channels === alpha && value > most);
  return values.map((value, i) => {
    if (isWide && i % channels === alpha) return value;
    return value > most ? 0xffff : value << shift;
  });
}

/**
 * Cameras and scanners write 10, 12 or 14 bits into values of 16. Shown as they are, 12 bits would be 16 shades of 256. The
 * largest value of all images says how many bits are in use; values that need 15 or more stay.
 */
function shiftFor(largest: number): number {
  const bits = Math.max(8, Math.ceil(Math.log2(largest + 1)));
  return bits > 14 ? 0 : 16 - bits;
}

/** The shape that suits some images, and those that have none. */
export interface Survey {
  readonly shape: DecodedShape;
  readonly failures: readonly Failure[];
  /** How many were looked at. */
  readonly looked: number;
}

/**
 * The shape that suits these images: without a size it is the median of their own shorter sides, at most 64. Grey only
 * when all images are.
 *
 * @throws MnasError `DATA_INVALID` naming files that cannot be read.
 */
export async function surveyFiles(files: readonly string[], size: number | undefined): Promise<Survey> {
  const { open } = await opener();
  const found: { shorter: number; isGrey: boolean }[] = [];
  let [isDeep, largest] = [false, 0];
  const failures = await forEachFile(files, 2 * usableCores(), async (file) => {
    const image = await open(file);
    const { width, height, space, depth, hasAlpha } = await image.metadata();
    if (depth === "ushort") {
      const { channels } = await image.stats();
      isDeep = true;
      for (const { max } of hasAlpha ? channels.slice(0, -1) : channels) largest = Math.max(largest, max);
    } else if (depth !== "uchar") throw new Error(wrongDepth(depth));
    found.push({ shorter: Math.min(width, height), isGrey: space === "b-w" || space === "grey16" });
  });
  checkRead(failures);
  const median = found.map(({ shorter }) => shorter).toSorted((a, b) => a - b)[found.length >> 1] ?? largestDefault;
  const shift = isDeep ? shiftFor(largest) : 0;
  return {
    shape: {
      side: size ?? Math.min(largestDefault, median),
      channels: found.every(({ isGrey }) => isGrey) ? 1 : 3,
      ...(shift === 0 ? {} : { shift }),
    },
    failures,
    looked: files.length,
  };
}

/**
 * Decodes images into `pixels`, one after the other, `atOnce` at work at a time: each is scaled to cover the square, and the
 * middle is taken. What fails is given, and its pixels stay as they are.
 */
export async function decodeFiles(
  files: readonly string[],
  shape: DecodedShape,
  atOnce: number,
  pixels: Uint8Array,
): Promise<Failure[]> {
  const { openUpright } = await opener();
  const { side, channels, shift = 0 } = shape;
  const size = bytesOf(shape);
  return forEachFile(files, atOnce, async (file, i) => {
    const upright = await openUpright(file, shift);
    const image = upright.flatten({ background: "white" }).resize(side, side, { fit: "cover" });
    const plain = channels === 1 ? image.toColourspace("b-w") : image.toColourspace("srgb");
    const bytes = await plain.raw({ depth: "uchar" }).toBuffer();
    if (bytes.length !== size)
      throw new Error(`it has ${bytes.length / (side * side)} channels, must have ${channels}`);
    pixels.set(bytes, i * size);
  });
}

/** Moves the images that are whole together. */
function keepWhole(images: Images, size: number, failures: readonly Failure[]): Images {
  if (failures.length === 0) return images;
  const failed = new Set(failures.map(({ i }) => i));
  const kept = [...images.labels.keys()].filter((i) => !failed.has(i));
  kept.forEach((from, to) => images.pixels.copyWithin(to * size, from * size, (from + 1) * size));
  const labels = Int32Array.from(kept, (i) => images.labels[i]!);
  return { ...images, count: kept.length, pixels: images.pixels.subarray(0, kept.length * size), labels };
}

/**
 * Decodes all images of a data set into memory. Damaged ones are left out, and listed.
 *
 * @throws MnasError `DATA_INVALID` naming files that cannot be read.
 */
export async function decodeImages(
  classes: readonly string[],
  parts: Readonly<Partial<Record<PartName, FileIndex>>>,
  shape: DecodedShape,
): Promise<RawData> {
  const { side, channels, shift = 0 } = shape;
  const leftOut: LeftOut[] = [];
  const decoded: Record<PartName, Images | null> = { train: null, validation: null, test: null };
  for (const part of partNames) {
    const index = parts[part];
    if (index === undefined) continue;
    const { labels } = index;
    // Shared, so that threads which train need no copy.
    const pixels = new Uint8Array(new SharedArrayBuffer(labels.length * bytesOf(shape)));
    const failures = await decodeFiles(pathsOf(index), shape, 2 * usableCores(), pixels);
    checkRead(failures);
    leftOut.push(...failures.map(({ i, reason }) => ({ part, i, reason })));
    const images = { count: labels.length, height: side, width: side, channels, pixels, labels };
    decoded[part] = keepWhole(images, bytesOf(shape), failures);
  }
  const { train, validation, test } = decoded;
  if (train === null) throw new Error("internal: no train part");
  return { classes, train, validation, test, notes: { shift, leftOut } };
}
