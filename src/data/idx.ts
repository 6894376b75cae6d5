import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { readFile } from "../util/files.ts";
import { invalid, type Images, type RawData } from "./images.ts";
import { readClassNames, type Listing } from "./listing.ts";

/** `train-images-idx3-ubyte`, `t10k-labels.idx1-ubyte.gz` and the like. */
const pattern = /^(train|t10k|test)-(images|labels)[-.]idx[13]-ubyte(\.gz)?$/;

const again = "Get the file again; it was damaged or is not what its name says.";

function unzip(path: string): Buffer {
  const bytes = readFile(path);
  if (!path.endsWith(".gz")) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (error) {
    throw invalid(`Cannot unzip "${path}": it is cut off or no gzip file`, again, error);
  }
}

/** Bytes of an IDX file with `rank` dimensions (format: http://yann.lecun.com/exdb/mnist). */
function readIdx(path: string, rank: number): { dims: number[]; bytes: Buffer } {
  const content = unzip(path);
  const magic = `00000${(0x800 + rank).toString(16)}`;
  const found = content.toString("hex", 0, 4);
  if (found !== magic) {
    throw invalid(`Cannot read "${path}": it begins with ${found || "nothing"}, must be ${magic}`, again);
  }
  const start = 4 + 4 * rank;
  if (content.length < start) throw invalid(`Cannot read "${path}": its header is cut off`, again);
  const dims = Array.from({ length: rank }, (_, i) => content.readUInt32BE(4 + 4 * i));
  const need = dims.reduce((product, dim) => product * dim, 1);
  const bytes = content.subarray(start);
  if (bytes.length !== need) {
    const what = bytes.length < need ? "cut off" : "too long";
    throw invalid(
      `Cannot read "${path}": it is ${what}: ${bytes.length} bytes after the header, must be ${need}`,
      again,
    );
  }
  if (need === 0) throw invalid(`Cannot read "${path}": it is empty`, again);
  return { dims, bytes };
}

interface IdxPart {
  readonly images: Images;
  readonly labelFile: string;
}

function readPart({ dir, files }: Listing, part: RegExp): IdxPart | null {
  const find = (what: string): string | undefined =>
    files.find((name) => part.test(name) && pattern.exec(name)?.[2] === what);
  const imageFile = find("images");
  const labelFile = find("labels");
  if (imageFile === undefined && labelFile === undefined) return null;
  if (imageFile === undefined || labelFile === undefined) {
    throw invalid(
      `Cannot use data "${dir}": it has "${imageFile ?? labelFile}" but no ${imageFile === undefined ? "images" : "labels"} for it`,
      "Put the images and the labels of a part into the folder.",
    );
  }
  const images = readIdx(join(dir, imageFile), 3);
  const labels = readIdx(join(dir, labelFile), 1);
  const [count = 0, height = 0, width = 0] = images.dims;
  if (labels.dims[0] !== count) {
    throw invalid(
      `Cannot use "${join(dir, labelFile)}": it has ${labels.dims[0]} labels for the ${count} images of "${imageFile}"`,
      again,
    );
  }
  return {
    images: { count, height, width, channels: 1, pixels: images.bytes, labels: Int32Array.from(labels.bytes) },
    labelFile: join(dir, labelFile),
  };
}

function checkLabels({ images: { labels }, labelFile }: IdxPart, classes: number): void {
  const wrong = labels.findIndex((label) => label >= classes);
  if (wrong < 0) return;
  throw invalid(
    `Cannot use "${labelFile}": label ${wrong} is ${labels[wrong]}, must be < ${classes}`,
    "Name every class, one a line, in classes.txt, or get the file again.",
  );
}

export const hasIdx = ({ files }: Listing): boolean => files.some((name) => pattern.test(name));

/**
 * The MNIST layout: four IDX files, plain or gzipped. Classes are called by their number unless `classes.txt` names them.
 *
 * @throws MnasError `DATA_INVALID` naming the file.
 */
export function readIdxFolder(listing: Listing): RawData {
  const train = readPart(listing, /^train-/);
  const test = readPart(listing, /^(t10k|test)-/);
  if (train === null) {
    throw invalid(
      `Cannot use data "${listing.dir}": it has no train-images`,
      "Put the IDX files of the train part into the folder.",
    );
  }
  const largest = train.images.labels.reduce((max, label) => Math.max(max, label), 0);
  const classes = readClassNames(listing, "classes.txt") ?? Array.from({ length: largest + 1 }, (_, i) => String(i));
  checkLabels(train, classes.length);
  if (test !== null) checkLabels(test, classes.length);
  return { classes, train: train.images, validation: null, test: test?.images ?? null };
}
