import { join } from "node:path";
import { readFile } from "../util/files.ts";
import { invalid, type Images, type RawData } from "./images.ts";
import { readClassNames, type Listing } from "./listing.ts";

const side = 32;
const plane = side * side;
const picture = 3 * plane;

const cifar10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

const isTrain = (name: string): boolean => /^data_batch_\d+\.bin$/.test(name);

/** How a record begins: labels of one byte each, then come the red, green and blue plane. */
interface Labels {
  readonly count: number;
  /** Which of them is learnt. */
  readonly used: number;
  readonly version: string;
}

const labels10: Labels = { count: 1, used: 0, version: "CIFAR-10" };

function readBatch(path: string, classes: number, { count: before, used, version }: Labels): Images {
  const bytes = readFile(path);
  const record = before + picture;
  const count = Math.floor(bytes.length / record);
  const hint = `Get the file again, from the binary version of ${version}.`;
  if (count === 0 || bytes.length % record !== 0) {
    throw invalid(`Cannot read "${path}": it is cut off: ${bytes.length} bytes, must be a multiple of ${record}`, hint);
  }
  const pixels = new Uint8Array(count * picture);
  const labels = new Int32Array(count);
  for (let n = 0; n < count; n++) {
    const label = bytes[n * record + used]!;
    if (label >= classes) throw invalid(`Cannot read "${path}": label ${n} is ${label}, must be < ${classes}`, hint);
    labels[n] = label;
    for (let c = 0; c < 3; c++) {
      const from = n * record + before + c * plane;
      const to = n * picture + c;
      for (let i = 0; i < plane; i++) pixels[to + 3 * i] = bytes[from + i]!;
    }
  }
  return { count, height: side, width: side, channels: 3, pixels, labels };
}

function joinBatches(batches: readonly Images[]): Images {
  const count = batches.reduce((sum, batch) => sum + batch.count, 0);
  const pixels = new Uint8Array(count * picture);
  const labels = new Int32Array(count);
  let at = 0;
  for (const batch of batches) {
    pixels.set(batch.pixels, at * picture);
    labels.set(batch.labels, at);
    at += batch.count;
  }
  return { count, height: side, width: side, channels: 3, pixels, labels };
}

const fineNames = "fine_label_names.txt";
const coarseNames = "coarse_label_names.txt";

const isHundred = ({ files }: Listing): boolean =>
  files.includes("train.bin") && (files.includes(fineNames) || files.includes(coarseNames));

export const hasCifar = (listing: Listing): boolean =>
  isHundred(listing) || listing.files.some((name) => isTrain(name) || name === "test_batch.bin");

/** `train.bin`, `test.bin`: a coarse and a fine label before each picture, whose names lie beside them. */
function readHundred(listing: Listing): RawData {
  const { dir, files } = listing;
  const fine = readClassNames(listing, fineNames);
  const classes = fine ?? readClassNames(listing, coarseNames)!;
  const labels: Labels = { count: 2, used: fine === null ? 0 : 1, version: "CIFAR-100" };
  const read = (name: string): Images => readBatch(join(dir, name), classes.length, labels);
  const warnings = fine === null ? [`"${dir}" has no ${fineNames}, so that the coarse labels are learnt`] : [];
  return {
    classes,
    train: read("train.bin"),
    validation: null,
    test: files.includes("test.bin") ? read("test.bin") : null,
    warnings,
  };
}

/**
 * The binary version of CIFAR-10 (https://www.cs.toronto.edu/~kriz/cifar.html): `data_batch_*.bin`, and if there are any
 * `test_batch.bin` and the names of the classes in `batches.meta.txt`; or that of CIFAR-100, with its fine labels, or the
 * coarse ones in a folder that has no names of fine ones.
 *
 * @throws MnasError `DATA_INVALID` naming the file.
 */
export function readCifarFolder(listing: Listing): RawData {
  if (isHundred(listing)) return readHundred(listing);
  const { dir, files } = listing;
  const classes = readClassNames(listing, "batches.meta.txt") ?? cifar10;
  const read = (name: string): Images => readBatch(join(dir, name), classes.length, labels10);
  const batches = files.filter(isTrain).map(read);
  if (batches.length === 0) {
    throw invalid(`Cannot use data "${dir}": it has no data_batch_1.bin`, "Put the train batches into the folder.");
  }
  return {
    classes,
    train: joinBatches(batches),
    validation: null,
    test: files.includes("test_batch.bin") ? read("test_batch.bin") : null,
  };
}
