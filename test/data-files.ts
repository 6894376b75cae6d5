import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import sharp from "sharp";
import { loadDataset, type Dataset } from "../src/data/dataset.ts";
import { partNames, upTo, type Images, type PartName } from "../src/data/images.ts";
import { copyImages, isInMemory, type HeldImages } from "../src/data/source.ts";
import { createRng } from "../src/util/rng.ts";
import { scratch } from "./mnas.ts";

/** Writes a file and the folders it lies in. */
export function put(dir: string, name: string, content: string | Uint8Array): string {
  const path = join(dir, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

/** An IDX file of bytes. */
export function idx(dims: readonly number[], bytes: ArrayLike<number>): Buffer {
  const header = Buffer.alloc(4 + 4 * dims.length);
  header.writeUInt32BE(0x800 + dims.length);
  dims.forEach((dim, i) => header.writeUInt32BE(dim, 4 + 4 * i));
  return Buffer.concat([header, Buffer.from(Array.from(bytes))]);
}

/** One record of a CIFAR-10 batch; the pixel at row y, column x has the colour `[label, y, x]`. */
export function cifarRecord(label: number): Buffer {
  const record = Buffer.alloc(3073, label);
  for (let i = 0; i < 1024; i++) {
    record[1025 + i] = i >> 5;
    record[2049 + i] = i & 31;
  }
  return record;
}

export const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));

interface Picture {
  readonly width?: number;
  readonly height?: number;
  readonly color?: { readonly r: number; readonly g: number; readonly b: number };
  readonly isGrey?: boolean;
}

const grey = { r: 128, g: 128, b: 128 };

/** A BMP file of 24 bits for each pixel, from the bottom. */
export function bmp(width: number, height: number, { r, g, b }: Required<Picture>["color"]): Buffer {
  const row = Math.ceil((3 * width) / 4) * 4;
  const file = Buffer.alloc(54 + row * height);
  file.write("BM");
  [file.length, 0, 54, 40, width, height].forEach((value, i) => file.writeUInt32LE(value, 2 + 4 * i));
  file.writeUInt16LE(1, 26);
  file.writeUInt16LE(24, 28);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) file.set([b, g, r], 54 + y * row + 3 * x);
  return file;
}

const endings: Readonly<Record<string, "jpeg" | "tiff">> = { jpg: "jpeg", jpe: "jpeg", jfif: "jpeg", tif: "tiff" };

/** An image of one colour in the format that the name's ending says. */
export async function picture(dir: string, name: string, options: Picture = {}): Promise<string> {
  const { width = 20, height = 12, color = grey, isGrey = false } = options;
  const image = sharp({ create: { width, height, channels: 3, background: color } });
  const ending = /\.(\w+)$/.exec(name)![1]!.toLowerCase();
  if (ending === "bmp") return put(dir, name, bmp(width, height, color));
  const format = endings[ending] ?? (ending as "jpeg" | "png" | "webp" | "gif" | "tiff" | "avif");
  return put(dir, name, await (isGrey ? image.toColourspace("b-w") : image).toFormat(format).toBuffer());
}

/** The bytes of an image of one colour. */
export async function pictureBytes(ending: string, options: Picture = {}): Promise<Buffer> {
  using folder = scratch();
  return readFileSync(await picture(folder.dir, `0.${ending}`, options));
}

/** Two classes of as many images each, of any sizes, in three formats. */
export async function pictures(dir: string, perClass: number): Promise<void> {
  for (const [name, color] of [
    ["cat", { r: 250, g: 0, b: 0 }],
    ["dog", { r: 0, g: 0, b: 250 }],
  ] as const) {
    for (let i = 0; i < perClass; i++) {
      await picture(dir, `${name}/${i}.${["jpg", "png", "webp"][i % 3]}`, { color, width: 20 + i, height: 12 + i });
    }
  }
}

type InMemory = Dataset & Readonly<Record<PartName, HeldImages & Images>>;

/** A data set that must be in memory; with the pixels of each part alone too. */
export async function loadInMemory(...options: Parameters<typeof loadDataset>): Promise<InMemory> {
  const data = await loadDataset(...options);
  const parts = partNames.map((part) => {
    const source = data[part];
    if (!isInMemory(source)) throw new Error(`"${data.source}" is not in memory`);
    return [part, { ...source, ...copyImages(source, upTo(source.count)) }] as const;
  });
  return { ...data, ...Object.fromEntries(parts) } as InMemory;
}

/** Classes of so many pictures each of noise around a colour of their own, 24×20 px. */
export async function noisyPictures(
  dir: string,
  classes: Readonly<Record<string, number>>,
  seed: number,
): Promise<void> {
  const rng = createRng(`pictures/${seed}`);
  for (const [at, [name, count]] of Object.entries(classes).entries()) {
    for (let i = 0; i < count; i++) {
      const pixels = Buffer.from(times(24 * 20 * 3, (n) => rng.int(128) + (n % 3 === at ? 100 : 0)));
      const image = sharp(pixels, { raw: { width: 24, height: 20, channels: 3 } });
      put(dir, `${name}/${i}.png`, await image.png().toBuffer());
    }
  }
}
