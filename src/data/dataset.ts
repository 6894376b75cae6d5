import { basename, dirname, resolve } from "node:path";
import { createRng, type Rng } from "../util/rng.ts";
import { hasCifar, readCifarFolder } from "./cifar.ts";
import { embeddedName, readEmbedded } from "./embedded.ts";
import { hasIdx, readIdxFolder } from "./idx.ts";
import { hasImages, readImageFolder, type FolderData } from "./image-folder.ts";
import { invalid, partNames, type Images, type RawData, type ReadOptions } from "./images.ts";
import { listFolder, type Listing } from "./listing.ts";
import { contentKey } from "./pack.ts";
import { heldImages, select, type ImageSource } from "./source.ts";
import { checkClasses, cutStratified } from "./splits.ts";
import { statisticsFor } from "./statistics.ts";

export type { Images } from "./images.ts";

/** Labelled images in three parts, with what is needed to train on them. */
export interface Dataset {
  readonly name: string;
  /** As the user gave it. */
  readonly source: string;
  readonly classes: readonly string[];
  readonly train: ImageSource;
  readonly validation: ImageSource;
  /** For finalists only. */
  readonly test: ImageSource;
  /** Of each channel over the train part, or over a sample where this is not in memory, of pixel / 255. */
  readonly mean: readonly number[];
  /** Standard deviation, likewise; never 0. */
  readonly deviation: readonly number[];
  /** Whether a mirrored image is still one of its class. */
  readonly canFlip: boolean;
  /**
   * The same for the same images and labels, wherever they lie and however they are split. Images that are not in memory
   * go by their names and the sizes of their files.
   */
  readonly key: string;
}

export interface LoadOptions {
  /** Decides which images are cut from the train part to validate with; those to test with are always the same. */
  readonly seed: number | string;
  /** Side of the images in px; for folders of images. */
  readonly size?: number;
  /** Share of the train part that becomes the validation part when the data bring none. */
  readonly validationShare?: number;
  /** Where decoded images are kept; as `cacheFolder` says by default. */
  readonly cacheDir?: string;
  /** Bytes of pixels up to which a folder of images is held in memory, 1 GiB; those of a larger one stay on the disk. */
  readonly mostInMemory?: number;
}

/** Share of the images that becomes the test part when the data bring none. */
const testShare = 1 / 8;

interface Reader {
  readonly accepts: (listing: Listing) => boolean;
  readonly read: (listing: Listing, options: ReadOptions) => RawData | Promise<RawData | FolderData>;
}

/** The first that accepts a folder reads it. */
const readers: readonly Reader[] = [
  { accepts: hasIdx, read: readIdxFolder },
  { accepts: hasCifar, read: readCifarFolder },
  { accepts: hasImages, read: readImageFolder },
];

async function readFolder(dir: string, options: ReadOptions): Promise<RawData | FolderData> {
  const listing = listFolder(dir);
  const reader = readers.find(({ accepts }) => accepts(listing));
  if (reader !== undefined) return reader.read(listing, options);
  const isEmpty = listing.files.length === 0;
  throw invalid(
    `Cannot use data "${dir}": ${isEmpty ? "it is empty" : "it holds no images that mnas can read"}`,
    "Name a folder with a folder of images for each class, or one of IDX files or CIFAR-10 batches (*.bin).",
  );
}

const sourceOf = (images: Images | ImageSource): ImageSource => ("pixels" in images ? heldImages(images) : images);

function checkShapes(source: string, data: RawData<ImageSource>, size: number | undefined): void {
  const { height, width } = data.train;
  for (const part of partNames) {
    const images = data[part];
    if (images === null || (images.height === height && images.width === width)) continue;
    throw invalid(
      `Cannot use data "${source}": the ${part} part has images of ${images.height}×${images.width}, train of ${height}×${width}`,
      "Make all images one size.",
    );
  }
  if (size !== undefined && (size !== height || size !== width)) {
    throw invalid(
      `Cannot use data "${source}" at ${size} px: its images are ${height}×${width}`,
      "Leave out --size; it is for folders of images.",
    );
  }
}

/** A mirrored digit is none; only names tell digits from other things with ten numbered classes. */
function showsDigits(source: string, classes: readonly string[]): boolean {
  const path = resolve(source);
  const name = `${basename(dirname(path))}/${basename(path)}`;
  return classes.join() === "0,1,2,3,4,5,6,7,8,9" && /mnist|digits|svhn/i.test(name) && !/fashion/i.test(name);
}

/**
 * Reads labelled images: the embedded sample (`undefined` or `fashion-mnist`), or a folder of IDX files, CIFAR-10
 * batches or images.
 *
 * @throws MnasError `DATA_NOT_FOUND`, `DATA_INVALID` naming the file or class that is wrong.
 */
export async function loadDataset(source: string | undefined, options: LoadOptions): Promise<Dataset> {
  const { seed, size, validationShare = 1 / 8, cacheDir, mostInMemory = 2 ** 30 } = options;
  if (!(validationShare > 0 && validationShare < 1))
    throw new RangeError(`validationShare is ${validationShare}, must be between 0 and 1`);
  const isEmbedded = source === undefined || source === embeddedName;
  const from = source ?? embeddedName;
  const data = isEmbedded ? readEmbedded() : await readFolder(from, { size, cacheDir, mostInMemory });
  const { classes } = data;
  const key = "key" in data ? data.key : contentKey(data);
  const train = sourceOf(data.train);
  const validation = data.validation && sourceOf(data.validation);
  const test = data.test && sourceOf(data.test);
  checkShapes(from, { classes, train, validation, test }, size);
  checkClasses(from, classes, {
    train: train.labels,
    validation: validation?.labels ?? null,
    test: test?.labels ?? null,
  });

  const cut = (images: ImageSource, share: number, rng: Rng): { rest: ImageSource; part: ImageSource } => {
    const indices = cutStratified(images.labels, classes.length, share, rng);
    return { rest: select(images, indices.kept), part: select(images, indices.cut) };
  };
  // Whatever the seed, the same images are never trained on: all searches on some data are tested on the same ones.
  const tested = test === null ? cut(train, testShare, createRng("test")) : { rest: train, part: test };
  const validated =
    validation === null
      ? cut(tested.rest, validationShare, createRng(seed).fork("validation"))
      : { rest: tested.rest, part: validation };
  return {
    name: isEmbedded ? embeddedName : basename(resolve(from)),
    source: from,
    classes,
    train: validated.rest,
    validation: validated.part,
    test: tested.part,
    ...(await statisticsFor(validated.rest, { key, split: `${seed}/${validationShare}`, cacheDir })),
    canFlip: !showsDigits(from, classes),
    key,
  };
}

/** One line: name, counts, shape, classes. */
export function describeDataset({ name, train, validation, test, classes }: Dataset): string {
  const shape = `${train.height}×${train.width}×${train.channels}`;
  return `${name}: ${train.count} training, ${validation.count} validation and ${test.count} test images of ${shape} in ${classes.length} classes`;
}
