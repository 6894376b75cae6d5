import { fillBatch } from "../data/batches.ts";
import { loadDataset, type Dataset } from "../data/dataset.ts";
import { sizeOf, upTo } from "../data/images.ts";
import type { Size } from "../data/augment.ts";
import { largerOf, loadImages, type ImageSource } from "../data/source.ts";
import type { ModelFacts } from "../lower/metadata.ts";
import type { Task } from "../space/arch.ts";

/** Normalised images, NHWC. */
export interface ProbeImages {
  readonly count: number;
  readonly values: Float32Array;
}

/** Images to show to a network as its training judged it. */
export interface JudgedImages extends ModelFacts, Pick<Dataset, "train" | "validation"> {
  /** Size of the network's input. */
  readonly input: Size;
}

/** The images of a data set, prepared as the facts say and not as those images by themselves would be. */
export function judgedImages({ train, validation }: Dataset, facts: ModelFacts): JudgedImages {
  const sized = (source: ImageSource): ImageSource => ((facts.crop ?? 1) < 1 ? largerOf(source) : source);
  const { height, width } = train;
  return { ...facts, train: sized(train), validation: sized(validation), input: { height, width } };
}

/** Images of a part, by their numbers, ready for a network, with their labels. Throws as `loadImages` does. */
async function normalised(
  dataset: JudgedImages,
  part: ImageSource,
  order: Uint32Array,
): Promise<ProbeImages & { readonly labels: Int32Array }> {
  const images = await loadImages(part, order);
  const { count, channels } = images;
  const { input } = dataset;
  const size = sizeOf({ ...input, channels });
  const out = { images: new Float32Array(count * size), labels: new Int32Array(count), input };
  fillBatch(dataset, images, upTo(count), 0, out);
  return { count, values: out.images, labels: out.labels };
}

/** The first images of the validation part, ready for a network. Throws as `loadImages` does. */
export const probeImages = (dataset: JudgedImages, count: number): Promise<ProbeImages> =>
  normalised(dataset, dataset.validation, upTo(Math.min(count, dataset.validation.count)));

/** How many images are in memory at once. */
const chunk = 64;

/** At most `count` images of a part, at equal distances, some at a time. Throws as `loadImages` does. */
export async function* spread(dataset: JudgedImages, part: "train" | "validation", count: number) {
  const source = dataset[part];
  const used = Math.min(count, source.count);
  for (let from = 0; from < used; from += chunk) {
    const length = Math.min(chunk, used - from);
    const order = Uint32Array.from({ length }, (_, i) => Math.floor(((from + i) * source.count) / used));
    yield await normalised(dataset, source, order);
  }
}

/** Images of the embedded data set stretched to another size, for networks that come without data of their own. */
export async function stretchedImages({ height, width, channels }: Task, count: number): Promise<ProbeImages> {
  const dataset = await loadDataset(undefined, { seed: 0 });
  const from = await probeImages(judgedImages(dataset, dataset), count);
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
