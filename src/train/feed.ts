import { augmentationFor } from "../data/augment.ts";
import { epochOrder, fillBatch, type BatchOut } from "../data/batches.ts";
import type { Dataset } from "../data/dataset.ts";
import { invalid, upTo } from "../data/images.ts";
import { largerOf, prefetch, type ImageSource } from "../data/source.ts";
import type { Rng } from "../util/rng.ts";
import { isFlipped, type Plan } from "./recipe.ts";

/** Parts of the data on which a network is judged. */
export type JudgedPart = "validation" | "test";

/** Where one thread of a training gets its images; nothing else of the trainer knows how data are kept. */
export interface Feed {
  /** Writes this thread's share of the batch of a step; each step once, in order. */
  train(step: number, out: BatchOut): Promise<void>;
  /** Writes this thread's batches of a part, one after the other, and gives how many images each has: none, if all are damaged. */
  judge(part: JudgedPart, out: BatchOut): AsyncIterable<number>;
}

export interface FeedOptions {
  readonly dataset: Dataset;
  readonly plan: Plan;
  /** Decides order and variation of the images. */
  readonly rng: Rng;
  /** Of the thread, among `plan.workers`. */
  readonly rank: number;
}

/** Images are loaded while others are worked on. Each thread takes its own run of rows out of every batch. */
export function createFeed({ dataset, plan, rng, rank }: FeedOptions): Feed {
  const { batch, workers, steps, stepsPerEpoch } = plan;
  const share = batch / workers;
  const input = dataset.train;
  const augmentation = augmentationFor(plan.augment, { train: dataset.train, canFlip: isFlipped(plan, dataset) });
  const rows = upTo(share);
  // What learns from parts of larger pictures is judged by their middle.
  const sized = (source: ImageSource): ImageSource => (plan.augment === "resized-crop" ? largerOf(source) : source);

  let epoch = -1;
  let order = new Uint32Array();
  const indicesOf = (step: number): Uint32Array | null => {
    if (step >= steps) return null;
    const now = Math.floor(step / stepsPerEpoch);
    if (now !== epoch) order = epochOrder(dataset.train.count, rng.fork(`order/${now}`));
    epoch = now;
    const from = (step % stepsPerEpoch) * batch + rank * share;
    return order.subarray(from, from + share);
  };
  const imagesAt = prefetch(sized(dataset.train), indicesOf);

  return {
    async train(step, out) {
      const own = rng.fork(rank === 0 ? `augment/${step}` : `augment/${step}/${rank}`);
      const varied = augmentation === null ? undefined : { ...augmentation, rng: own };
      const images = await imagesAt(step);
      if (images.count === 0)
        throw invalid(`Cannot train: all images of step ${step + 1} are damaged`, "Replace them.");
      // What is damaged gives its row to another image of the batch.
      const used = images.count < share ? rows.map((row) => row % images.count) : rows;
      fillBatch(dataset, images, used, 0, { ...out, input }, varied);
    },
    async *judge(part, out) {
      const all = upTo(dataset[part].count);
      const size = out.labels.length;
      const batchAt = prefetch(
        sized(dataset[part]),
        (k) => (k * size < all.length ? all.subarray(k * size, (k + 1) * size) : null),
        workers,
      );
      for (let k = rank; k * size < all.length; k += workers) {
        const images = await batchAt(k);
        yield fillBatch(dataset, images, rows.subarray(0, images.count), 0, { ...out, input });
      }
    },
  };
}
