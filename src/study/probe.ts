import { fillBatch } from "../data/batches.ts";
import { loadDataset, type Dataset } from "../data/dataset.ts";
import { sizeOf } from "../data/images.ts";
import { loadImages } from "../data/source.ts";
import type { Task } from "../space/arch.ts";

/** Normalised images, NHWC. */
export interface ProbeImages {
  readonly count: number;
  readonly values: Float32Array;
}

/** The first images of the validation part, ready for a network. Throws as `loadImages` does. */
export async function probeImages(dataset: Dataset, count: number): Promise<ProbeImages> {
  const used = Math.min(count, dataset.validation.count);
  const order = Uint32Array.from({ length: used }, (_, i) => i);
  const part = await loadImages(dataset.validation, order);
  const images = new Float32Array(used * sizeOf(part));
  fillBatch(dataset, part, order, 0, { images, labels: new Int32Array(used) });
  return { count: used, values: images };
}

/** Images of the embedded data set stretched to another size, for networks that come without data of their own. */
export async function stretchedImages({ height, width, channels }: Task, count: number): Promise<ProbeImages> {
  const dataset = await loadDataset(undefined, { seed: 0 });
  const from = await probeImages(dataset, count);
  const { height: h, width: w } = dataset.validation;
  const values = new Float32Array(from.count * height * width * channels);
  let at = 0;
  for (let n = 0; n < from.count; n++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const pixel = from.values[(n * h + Math.floor((y * h) / height)) * w + Math.floor((x * w) / width)]!;
        for (let c = 0; c < channels; c++) values[at++] = pixel;
      }
    }
  }
  return { count: from.count, values };
}
