import type { Rng } from "../util/rng.ts";
import type { Dataset } from "./dataset.ts";
import { sizeOf, type Images } from "./images.ts";

/** Where a batch is written. */
export interface BatchOut {
  /** Normalised NHWC rows. */
  readonly images: Float32Array;
  /** One per row; its length is the size of the batch. */
  readonly labels: Int32Array;
}

/** How training images are varied. */
export interface Augmentation {
  /** Each image is moved by up to this many px each way; the mean colour fills what comes in. */
  readonly pad: number;
  /** Mirror every other image, by chance, left to right. */
  readonly flip: boolean;
}

/** Every index below `count` once, in random order. */
export const epochOrder = (count: number, rng: Rng): Uint32Array<ArrayBuffer> =>
  rng.shuffle(Uint32Array.from({ length: count }, (_, i) => i));

/** What suits the images of a data set: a move by an eighth of the height, a flip where mirrored images make sense. */
export const augmentationFor = ({ train, canFlip }: Pick<Dataset, "train" | "canFlip">): Augmentation => ({
  pad: Math.max(1, Math.round(train.height / 8)),
  flip: canFlip,
});

const tables = new WeakMap<object, Float32Array>();

/** Normalised value of each of 256 pixel values, one table per channel after the other. */
function normalisation(dataset: Pick<Dataset, "mean" | "deviation">): Float32Array {
  let table = tables.get(dataset);
  if (table === undefined) {
    const { mean, deviation } = dataset;
    table = Float32Array.from(
      { length: 256 * mean.length },
      (_, i) => ((i & 255) / 255 - mean[i >> 8]!) / deviation[i >> 8]!,
    );
    tables.set(dataset, table);
  }
  return table;
}

/**
 * Writes the images at `order[from]` and on, normalised and perhaps varied, with their labels.
 *
 * Returns how many: as many as the batch holds or as are left. Rows beyond stay as they are.
 */
export function fillBatch(
  dataset: Pick<Dataset, "mean" | "deviation">,
  images: Images,
  order: Uint32Array,
  from: number,
  out: BatchOut,
  augmentation?: Augmentation & { readonly rng: Rng },
): number {
  const { height, width, channels } = images;
  const table = normalisation(dataset);
  const size = sizeOf(images);
  const count = Math.max(0, Math.min(out.labels.length, order.length - from));
  for (let row = 0; row < count; row++) {
    const index = order[from + row]!;
    out.labels[row] = images.labels[index]!;
    const target = row * size;
    if (augmentation === undefined) {
      copyRow(images.pixels, index * size, out.images, target, size / channels, 1, channels, table);
      continue;
    }
    const { pad, flip, rng } = augmentation;
    // Always three draws, so that one setting does not change what another draws.
    const down = rng.int(2 * pad + 1) - pad;
    const right = rng.int(2 * pad + 1) - pad;
    const isFlipped = rng.next() < 0.5 && flip;
    // The mean is 0 once normalised.
    if (down !== 0 || right !== 0) out.images.fill(0, target, target + size);
    const shown = width - Math.abs(right);
    const sourceX = isFlipped ? Math.min(width - 1, width - 1 + right) : Math.max(0, -right);
    for (let y = Math.max(0, down); y < height + Math.min(0, down); y++) {
      const source = index * size + ((y - down) * width + sourceX) * channels;
      const to = target + (y * width + Math.max(0, right)) * channels;
      copyRow(images.pixels, source, out.images, to, shown, isFlipped ? -1 : 1, channels, table);
    }
  }
  return count;
}

/** Normalises `count` px from `source` on, forward or (`step` -1) backward, to `target` on. */
function copyRow(
  pixels: Uint8Array,
  source: number,
  out: Float32Array,
  target: number,
  count: number,
  step: 1 | -1,
  channels: number,
  table: Float32Array,
): void {
  if (channels === 1) {
    for (let i = 0; i < count; i++) out[target + i] = table[pixels[source + step * i]!]!;
    return;
  }
  for (let i = 0; i < count; i++) {
    for (let c = 0; c < channels; c++) {
      out[target + i * channels + c] = table[(c << 8) | pixels[source + step * i * channels + c]!]!;
    }
  }
}
