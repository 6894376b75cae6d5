import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { readFile } from "../util/files.ts";
import { invalid, type Images, type RawData } from "./images.ts";
import { readClassNames, type Listing } from "./listing.ts";

/** `train-images-idx3-ubyte`, `t10k-labels.idx1-ubyte.gz`, `emnist-letters-test-images-idx3-ubyte` and the like. */
const pattern = /^(?<set>.*[-_.])?(?<part>train|t10k|test)-(?<kind>images|labels)[-.]idx[13]-ubyte(\.gz)?$/i;

type Groups = Readonly<Record<"set" | "part" | "kind", string | undefined>>;

const groupsOf = (name: string): Groups | null => (pattern.exec(name)?.groups as Groups | undefined) ?? null;

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
  const find = (kind: string): string | undefined =>
    files.find((name) => {
      const groups = groupsOf(name);
      return groups !== null && part.test(groups.part!) && groups.kind!.toLowerCase() === kind;
    });
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

export const hasIdx = ({ files }: Listing): boolean => files.some((name) => pattern.test(name));

/** Names of labels by `emnist-…-mapping.txt`: a label, then the codes of its letters. */
function readMapping({ dir, files }: Listing, set: string): ReadonlyMap<number, string> | null {
  const name = `${set}mapping.txt`;
  if (set === "" || !files.includes(name)) return null;
  const lines = readFile(join(dir, name)).toString("utf8").trim().split("\n");
  const rows = lines.map((line) => line.trim().split(/\s+/).map(Number));
  if (
    rows.some((row) => row.length < 2 || !row.every((code) => code >= 0 && code < 0x110000 && Number.isInteger(code)))
  )
    throw invalid(`Cannot read "${join(dir, name)}": each line must be a label and codes of letters`, again);
  const mapping = new Map(rows.map(([label, code]) => [label!, String.fromCodePoint(code!)]));
  if (new Set(mapping.values()).size < rows.length)
    throw invalid(`Cannot read "${join(dir, name)}": a label or a letter is there twice`, again);
  return mapping;
}

/** The largest label, its place and its file. */
function largestOf(parts: readonly IdxPart[]) {
  return parts.reduce(
    (most, { images: { labels }, labelFile }) => {
      const label = labels.reduce((max, each) => Math.max(max, each), -1);
      return label > most.label ? { label, at: labels.indexOf(label), labelFile } : most;
    },
    { label: -1, at: 0, labelFile: "" },
  );
}

/** Names of all labels that there are, by label; null for one without images. */
function namesOf(listing: Listing, set: string, parts: readonly IdxPart[]): (string | null)[] {
  const { label: largest, at, labelFile } = largestOf(parts);
  const found = new Set(parts.flatMap(({ images }) => [...new Set(images.labels)]));
  const all = Array.from({ length: largest + 1 }, (_, label) => label);
  const mapping = readMapping(listing, set);
  if (mapping !== null) return all.map((label) => (found.has(label) ? (mapping.get(label) ?? String(label)) : null));
  const names = readClassNames(listing, "classes.txt");
  if (names === null) return all.map((label) => (found.has(label) ? String(label) : null));
  // Some count from 1.
  if (!found.has(0) && largest === names.length) return [null, ...names];
  if (largest >= names.length)
    throw invalid(
      `Cannot use "${labelFile}": label ${at} is ${largest}, must be < ${names.length}`,
      "Name every class, one a line, in classes.txt, or get the file again.",
    );
  return names;
}

/** The same with labels that leave none out. */
function renumber(images: Images, names: readonly (string | null)[]): Images {
  const places = names.map((_, label) => names.slice(0, label).filter((name) => name !== null).length);
  return { ...images, labels: images.labels.map((label) => places[label]!) };
}

/**
 * The layout of MNIST: four IDX files, plain or gzipped, perhaps called after their set as those of EMNIST are. Classes are
 * called by their number unless `classes.txt` or EMNIST's mapping names them; numbers without images are no classes.
 *
 * @throws MnasError `DATA_INVALID` naming the file.
 */
export function readIdxFolder(listing: Listing): RawData {
  const { dir, files } = listing;
  const sets = [...new Set(files.flatMap((name) => (groupsOf(name) === null ? [] : (groupsOf(name)!.set ?? ""))))];
  const [set = ""] = sets;
  if (sets.length > 1) {
    throw invalid(
      `Cannot use data "${dir}": it holds several data sets: ${sets.map((each) => `"${each}*"`).join(", ")}`,
      "Put the files of one set into a folder of their own.",
    );
  }
  const train = readPart(listing, /^train$/i);
  const test = readPart(listing, /^(t10k|test)$/i);
  if (train === null) {
    throw invalid(
      `Cannot use data "${dir}": it has no train-images`,
      "Put the IDX files of the train part into the folder.",
    );
  }
  const names = namesOf(listing, set, test === null ? [train] : [train, test]);
  const isEmnist = /^emnist/i.test(set);
  return {
    classes: names.filter((name) => name !== null),
    train: renumber(train.images, names),
    validation: null,
    test: test === null ? null : renumber(test.images, names),
    ...(isEmnist ? { canFlip: false, warnings: [onTheirSide] } : {}),
  };
}

const onTheirSide =
  "EMNIST's files hold pictures with rows and columns exchanged: networks learn them so, and an app must exchange them too";
