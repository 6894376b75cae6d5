import { join } from "node:path";
import { readFile } from "../util/files.ts";
import { invalid, type Images, type RawData } from "./images.ts";
import { readClassNames, type Listing } from "./listing.ts";

const side = 32;
const plane = side * side;
/** A label, then the red, green and blue plane. */
const record = 1 + 3 * plane;

const cifar10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

const isTrain = (name: string): boolean => /^data_batch_\d+\.bin$/.test(name);

function readBatch(path: string, classes: number): Images {
  const bytes = readFile(path);
  const count = Math.floor(bytes.length / record);
  const hint = "Get the file again, from the binary version of CIFAR-10.";
  if (count === 0 || bytes.length % record !== 0) {
    throw invalid(`Cannot read "${path}": it is cut off: ${bytes.length} bytes, must be a multiple of ${record}`, hint);
  }
  const pixels = new Uint8Array(count * 3 * plane);
  const labels = new Int32Array(count);
  for (let n = 0; n < count; n++) {
    const label = bytes[n * record]!;
    if (label >= classes) throw invalid(`Cannot read "${path}": label ${n} is ${label}, must be < ${classes}`, hint);
    labels[n] = label;
    for (let c = 0; c < 3; c++) {
      const from = n * record + 1 + c * plane;
      const to = n * 3 * plane + c;
      for (let i = 0; i < plane; i++) pixels[to + 3 * i] = bytes[from + i]!;
    }
  }
  return { count, height: side, width: side, channels: 3, pixels, labels };
}

function joinBatches(batches: readonly Images[]): Images {
  const count = batches.reduce((sum, batch) => sum + batch.count, 0);
  const pixels = new Uint8Array(count * 3 * plane);
  const labels = new Int32Array(count);
  let at = 0;
  for (const batch of batches) {
    pixels.set(batch.pixels, at * 3 * plane);
    labels.set(batch.labels, at);
    at += batch.count;
  }
  return { count, height: side, width: side, channels: 3, pixels, labels };
}

export const hasCifar = ({ files }: Listing): boolean =>
  files.some((name) => isTrain(name) || name === "test_batch.bin");

/**
 * The binary version of CIFAR-10 (https://www.cs.toronto.edu/~kriz/cifar.html): `data_batch_*.bin`, and if there are any
 * `test_batch.bin` and the names of the classes in `batches.meta.txt`.
 *
 * @throws MnasError `DATA_INVALID` naming the file.
 */
export function readCifarFolder(listing: Listing): RawData {
  const { dir, files } = listing;
  const classes = readClassNames(listing, "batches.meta.txt") ?? cifar10;
  const batches = files.filter(isTrain).map((name) => readBatch(join(dir, name), classes.length));
  if (batches.length === 0) {
    throw invalid(`Cannot use data "${dir}": it has no data_batch_1.bin`, "Put the train batches into the folder.");
  }
  const test = files.includes("test_batch.bin") ? readBatch(join(dir, "test_batch.bin"), classes.length) : null;
  return { classes, train: joinBatches(batches), validation: null, test };
}
