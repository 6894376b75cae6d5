import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { invalid, type ImageFiles, type Images, type PartName, type RawData } from "./images.ts";

/** Largest side, in px, that is chosen without being asked for. */
const largestDefault = 64;

/** Node reads files of up to 2 GiB at once. */
const largestBytes = 2e9;

interface Failure {
  readonly i: number;
  readonly file: string;
  readonly error: unknown;
}

/** Results in the order of `files`, with a few at work at a time. All failures are gathered into one error. */
async function forEachFile<T>(files: readonly string[], work: (file: string, i: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  const failures: Failure[] = [];
  const left = files.entries();
  const worker = async (): Promise<void> => {
    // The workers share one iterator.
    for (const [i, file] of left) {
      try {
        results[i] = await work(file, i);
      } catch (error) {
        failures.push({ i, file, error });
      }
    }
  };
  await Promise.all(Array.from({ length: 2 * availableParallelism() }, worker));
  if (failures.length > 0) throw undecodable(failures.toSorted((a, b) => a.i - b.i));
  return results;
}

function undecodable([first, ...others]: readonly Failure[]): Error {
  const { file, error } = first!;
  const reason = (error instanceof Error ? error.message : String(error)).trim().split("\n").at(-1);
  const named = others.slice(0, 4).map((other) => `"${other.file}"`);
  const unnamed = others.length > 4 ? [`${others.length - 4} more`] : [];
  const also = others.length === 0 ? "" : `; nor ${[...named, ...unnamed].join(", ")}`;
  return invalid(`Cannot decode "${file}": ${reason}${also}`, "Replace or remove what is damaged.", error);
}

/**
 * Decodes images to squares of `size` px: scaled to cover the square, and the middle taken.
 *
 * Without a size it is the median of the images' own shorter sides, at most 64. Grey only when all images are.
 *
 * @throws MnasError `DATA_INVALID` naming the images that cannot be decoded.
 */
export async function decodeImages(
  source: string,
  classes: readonly string[],
  parts: Readonly<Partial<Record<PartName, ImageFiles>>>,
  size: number | undefined,
): Promise<RawData> {
  const { default: sharp } = await import("sharp");
  // Bytes, and not the name, for sharp: it would remember what a file held before.
  const open = async (file: string) => sharp(await readFile(file));

  const all = Object.values(parts).flatMap(({ files }) => files);
  const found = await forEachFile(all, async (file) => {
    const { width, height, space } = await (await open(file)).metadata();
    return { shorter: Math.min(width, height), isGrey: space === "b-w" || space === "grey16" };
  });
  const channels = found.every(({ isGrey }) => isGrey) ? 1 : 3;
  const median = found.map(({ shorter }) => shorter).toSorted((a, b) => a - b)[found.length >> 1]!;
  const side = size ?? Math.min(largestDefault, median);
  const bytes = side * side * channels;
  if (all.length * (bytes + 4) > largestBytes) {
    throw invalid(
      `Cannot use data "${source}": ${all.length} images of ${side} px take ${((all.length * bytes) / 1e9).toFixed(1)} GB, must be at most 2`,
      `Use --size ${Math.floor(Math.sqrt((largestBytes / all.length - 4) / channels))} or less.`,
    );
  }

  const decodePart = async (part: ImageFiles | undefined): Promise<Images | null> => {
    if (part === undefined) return null;
    const { files, labels } = part;
    const pixels = new Uint8Array(files.length * bytes);
    await forEachFile(files, async (file, i) => {
      const image = (await open(file))
        .autoOrient()
        .flatten({ background: "white" })
        .resize(side, side, { fit: "cover" });
      const plain = channels === 1 ? image.toColourspace("b-w") : image.toColourspace("srgb");
      pixels.set(await plain.raw({ depth: "uchar" }).toBuffer(), i * bytes);
    });
    return { count: files.length, height: side, width: side, channels, pixels, labels };
  };
  const train = await decodePart(parts.train);
  if (train === null) throw new Error("internal: no train part");
  return { classes, train, validation: await decodePart(parts.validation), test: await decodePart(parts.test) };
}
