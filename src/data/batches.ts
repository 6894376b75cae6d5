import type { Rng } from "../util/rng.ts";
import { centreRegion, randomRegion, type Augmentation, type Region, type Size } from "./augment.ts";
import type { Dataset } from "./dataset.ts";
import { sizeOf, upTo, type Images } from "./images.ts";
import { resample } from "./resample.ts";

/** Where a batch is written. */
export interface BatchOut {
  /** Normalised NHWC rows. */
  readonly images: Float32Array;
  /** One per row; its length is the size of the batch. */
  readonly labels: Int32Array;
  /** Size of the rows; that of the images by default. */
  readonly input?: Size;
}

/** Every index below `count` once, in random order. */
export const epochOrder = (count: number, rng: Rng): Uint32Array<ArrayBuffer> => rng.shuffle(upTo(count));

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
 * Writes the images at `order[from]` and on, normalised and perhaps varied, with their labels. Images of another size
 * than the rows are resized: their middle, or the part that the augmentation draws.
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
  const { channels } = images;
  const { input = images } = out;
  const isSame = input.height === images.height && input.width === images.width;
  const table = normalisation(dataset);
  const size = sizeOf(images);
  const rowSize = sizeOf({ ...input, channels });
  const count = Math.max(0, Math.min(out.labels.length, order.length - from));
  for (let row = 0; row < count; row++) {
    const index = order[from + row]!;
    out.labels[row] = images.labels[index]!;
    const source = index * size;
    const target = row * rowSize;
    if (!isSame || augmentation?.kind === "resized-crop") {
      const { region, isFlipped } = regionFor(images, input, augmentation);
      resample(images, source, region, isFlipped, out.images, target, input, dataset);
    } else if (augmentation !== undefined) copyMoved(images, source, out.images, target, augmentation, table);
    else copyRow(images.pixels, source, out.images, target, size / channels, 1, channels, table);
  }
  return count;
}

/** Which part of a picture is resized to the network's input. */
function regionFor(
  images: Size,
  input: Size,
  augmentation: (Augmentation & { readonly rng: Rng }) | undefined,
): { readonly region: Region; readonly isFlipped: boolean } {
  const centre = centreRegion(images, input);
  if (augmentation === undefined) return { region: centre, isFlipped: false };
  const { kind, flip, rng } = augmentation;
  const region =
    kind === "resized-crop"
      ? randomRegion(images, rng)
      : {
          ...centre,
          top: rng.next() * (images.height - centre.height),
          left: rng.next() * (images.width - centre.width),
        };
  return { region, isFlipped: rng.next() < 0.5 && flip };
}

/** Normalises a picture, moved and mirrored at random. */
function copyMoved(
  { pixels, height, width, channels }: Images,
  source: number,
  out: Float32Array,
  target: number,
  { pad, flip, rng }: Extract<Augmentation, { kind: "crop" }> & { readonly rng: Rng },
  table: Float32Array,
): void {
  // Always three draws, so that one setting does not change what another draws.
  const down = rng.int(2 * pad + 1) - pad;
  const right = rng.int(2 * pad + 1) - pad;
  const isFlipped = rng.next() < 0.5 && flip;
  // The mean is 0 once normalised.
  if (down !== 0 || right !== 0) out.fill(0, target, target + height * width * channels);
  const shown = width - Math.abs(right);
  const sourceX = isFlipped ? Math.min(width - 1, width - 1 + right) : Math.max(0, -right);
  for (let y = Math.max(0, down); y < height + Math.min(0, down); y++) {
    const from = source + ((y - down) * width + sourceX) * channels;
    const to = target + (y * width + Math.max(0, right)) * channels;
    copyRow(pixels, from, out, to, shown, isFlipped ? -1 : 1, channels, table);
  }
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
