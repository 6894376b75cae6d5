import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Dataset } from "../data/dataset.ts";
import { pathOf } from "../data/file-index.ts";
import { partNames, upTo } from "../data/images.ts";
import { copyImages, isDecoded, type ImageSource } from "../data/source.ts";
import { makeFolder, readFile, writeFileAtomically } from "../util/files.ts";
import { bytesOfName } from "../util/names.ts";

/** The folder of a run in which programs outside of mnas find its images. */
export const dataFolder = (runDir: string): string => join(resolve(runDir), "data");

/** An array as a .npy file (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html), version 1.0. */
function npy(type: "|u1" | "<i4", shape: readonly number[], values: Uint8Array): Uint8Array[] {
  const fields = `{'descr': '${type}', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  // Magic, version and length are 10 bytes; the header ends with a line break at a multiple of 64.
  const header = `${fields.padEnd(Math.ceil((fields.length + 11) / 64) * 64 - 11)}\n`;
  const begin = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 0xff, header.length >> 8]);
  return [begin, Buffer.from(header, "latin1"), values];
}

function labelBytes(labels: Int32Array): Buffer {
  const bytes = Buffer.alloc(4 * labels.length);
  labels.forEach((label, i) => bytes.writeInt32LE(label, 4 * i));
  return bytes;
}

function writeImages(file: string, source: ImageSource): void {
  const { count, height, width, channels } = source;
  if (isDecoded(source)) {
    const { pixels } = copyImages(source, upTo(count));
    writeFileAtomically(file, npy("|u1", [count, height, width, channels], pixels));
    return;
  }
  const paths = Array.from(source.places, (i) => `${resolve(pathOf(source.files, i))}\n`).join("");
  writeFileAtomically(file, bytesOfName(paths));
}

/** A file of a part: its images as an array, or the list of their files where these are too many to be in memory. */
const imagesFile = (part: string, source: ImageSource): string =>
  isDecoded(source) ? `${part}-images.npy` : `${part}-files.txt`;

/**
 * Writes the images and labels of a run where a program outside of mnas can read them, once; `data.json`, written last,
 * says what there is. Throws `DISK_FULL`.
 */
export function exportData(dir: string, dataset: Dataset): void {
  const { classes, mean, deviation, canFlip, key } = dataset;
  const parts = partNames.map((part) => {
    const { count, height, width, channels } = dataset[part];
    const images = imagesFile(part, dataset[part]);
    return [part, { count, height, width, channels, images, labels: `${part}-labels.npy` }] as const;
  });
  const facts = { dataVersion: 1, key, classes, mean, deviation, canFlip, parts: Object.fromEntries(parts) };
  const text = JSON.stringify(facts, null, 2);
  const last = join(dir, "data.json");
  if (existsSync(last) && readFile(last).toString("utf8") === text) return;
  makeFolder(dir);
  for (const [part, { images, labels, count }] of parts) {
    writeImages(join(dir, images), dataset[part]);
    writeFileAtomically(join(dir, labels), npy("<i4", [count], labelBytes(dataset[part].labels)));
  }
  writeFileAtomically(last, text);
}
