import { readFile } from "node:fs/promises";
import { pathsOf, type FileIndex } from "./file-index.ts";
import { usableCores } from "../util/machine.ts";
import { invalid, type Images, type PartName, type RawData } from "./images.ts";

/** Largest side, in px, that is chosen without being asked for. */
export const largestDefault = 64;

/** What images become when they are decoded: squares of `side` px. */
export interface DecodedShape {
  readonly side: number;
  /** 1 or 3. */
  readonly channels: number;
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
        // Errors of the system have a code.
        failures.push({ i, file, reason, isDamaged: !(error instanceof Error && "code" in error) });
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return failures.toSorted((a, b) => a.i - b.i);
}

/** What is wrong with files of which none may fail. */
export function undecodable([first, ...others]: readonly Failure[]): Error {
  const { file, reason } = first!;
  const named = others.slice(0, 4).map((other) => `"${other.file}"`);
  const unnamed = others.length > 4 ? [`${others.length - 4} more`] : [];
  const also = others.length === 0 ? "" : `; nor ${[...named, ...unnamed].join(", ")}`;
  return invalid(`Cannot decode "${file}": ${reason}${also}`, "Replace or remove what is damaged.");
}

/**
 * Opens images from their bytes, and not by name: sharp would remember what a file held before. What a decoder only warns of,
 * such as bytes that belong to nothing, is in many collections of photographs.
 */
async function opener() {
  const { default: sharp } = await import("sharp");
  return async (file: string) => sharp(await readFile(file), { failOn: "error" });
}

/**
 * The shape that suits these images: without a size it is the median of their own shorter sides, at most 64. Grey only
 * when all images are.
 *
 * @throws MnasError `DATA_INVALID` naming the images that cannot be decoded.
 */
export async function surveyFiles(files: readonly string[], size: number | undefined): Promise<DecodedShape> {
  const open = await opener();
  const found: { shorter: number; isGrey: boolean }[] = [];
  const failures = await forEachFile(files, 2 * usableCores(), async (file) => {
    const { width, height, space } = await (await open(file)).metadata();
    found.push({ shorter: Math.min(width, height), isGrey: space === "b-w" || space === "grey16" });
  });
  if (failures.length > 0) throw undecodable(failures);
  const median = found.map(({ shorter }) => shorter).toSorted((a, b) => a - b)[found.length >> 1]!;
  return {
    side: size ?? Math.min(largestDefault, median),
    channels: found.every(({ isGrey }) => isGrey) ? 1 : 3,
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
  const open = await opener();
  const { side, channels } = shape;
  return forEachFile(files, atOnce, async (file, i) => {
    const image = (await open(file)).autoOrient().flatten({ background: "white" }).resize(side, side, { fit: "cover" });
    const plain = channels === 1 ? image.toColourspace("b-w") : image.toColourspace("srgb");
    pixels.set(await plain.raw({ depth: "uchar" }).toBuffer(), i * bytesOf(shape));
  });
}

/**
 * Decodes all images of a data set into memory.
 *
 * @throws MnasError `DATA_INVALID` naming the images that cannot be decoded.
 */
export async function decodeImages(
  classes: readonly string[],
  parts: Readonly<Partial<Record<PartName, FileIndex>>>,
  shape: DecodedShape,
): Promise<RawData> {
  const { side, channels } = shape;
  const decodePart = async (part: FileIndex | undefined): Promise<Images | null> => {
    if (part === undefined) return null;
    const { labels } = part;
    // Shared, so that threads which train need no copy.
    const pixels = new Uint8Array(new SharedArrayBuffer(labels.length * bytesOf(shape)));
    const failures = await decodeFiles(pathsOf(part), shape, 2 * usableCores(), pixels);
    if (failures.length > 0) throw undecodable(failures);
    return { count: labels.length, height: side, width: side, channels, pixels, labels };
  };
  const train = await decodePart(parts.train);
  if (train === null) throw new Error("internal: no train part");
  return { classes, train, validation: await decodePart(parts.validation), test: await decodePart(parts.test) };
}
