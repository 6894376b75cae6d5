import { z } from "zod";
import { createRng } from "../util/rng.ts";
import { cachedFacts } from "./cache.ts";
import { sizeOf, upTo, type Images } from "./images.ts";
import { isInMemory, prefetch, type ImageSource } from "./source.ts";

/** Mean and standard deviation of each channel, of pixel / 255. */
const statisticsSchema = z.object({ mean: z.array(z.number()), deviation: z.array(z.number()) });
export type Statistics = z.output<typeof statisticsSchema>;

/** Images that stand for all when these are not in memory. */
const sampled = 10_000;

/** How many are decoded together. */
const batch = 64;

/** `count` numbers below `below`, each once, rising; always the same for one `seed`. */
export const sampleOf = (below: number, count: number, seed: string): Uint32Array<ArrayBuffer> =>
  createRng(seed).shuffle(upTo(below)).slice(0, count).toSorted();

type Bins = readonly Float64Array[];

const emptyBins = (channels: number): Bins => Array.from({ length: channels }, () => new Float64Array(256));

function countPixels({ pixels, channels }: Pick<Images, "pixels" | "channels">, bins: Bins): void {
  for (let i = 0; i < pixels.length; i++) bins[i % channels]![pixels[i]!]! += 1;
}

function statisticsOf(bins: Bins): Statistics {
  const total = bins[0]!.reduce((sum, n) => sum + n, 0);
  const mean = bins.map((counts) => counts.reduce((sum, n, value) => sum + n * value, 0) / total / 255);
  const deviation = bins.map((counts, c) => {
    const variance = counts.reduce((sum, n, value) => sum + n * (value / 255 - mean[c]!) ** 2, 0) / total;
    return variance === 0 ? 1 : Math.sqrt(variance);
  });
  return { mean, deviation };
}

/** Of 10,000 images. */
async function sampleStatistics(source: ImageSource): Promise<Statistics> {
  const bins = emptyBins(source.channels);
  const indices = sampleOf(source.count, sampled, "statistics");
  const batchAt = prefetch(
    source,
    (from) => (from < indices.length ? indices.subarray(from, from + batch) : null),
    batch,
  );
  for (let from = 0; from < indices.length; from += batch) countPixels(await batchAt(from), bins);
  return statisticsOf(bins);
}

export interface StatisticsOptions {
  /** Of the data set. */
  readonly key: string;
  /** What decides which of its images these are. */
  readonly split: string;
  readonly cacheDir: string | undefined;
}

/** Statistics of all images in memory, or else of a sample, and then kept in the cache. Throws as `load` does. */
export async function statisticsFor(source: ImageSource, options: StatisticsOptions): Promise<Statistics> {
  if (isInMemory(source)) {
    const bins = emptyBins(source.channels);
    const { all, places, channels } = source;
    const size = sizeOf(source);
    for (const place of places) countPixels({ pixels: all.subarray(place * size, (place + 1) * size), channels }, bins);
    return statisticsOf(bins);
  }
  const { key, split, cacheDir } = options;
  const place = `statistics of ${key}`;
  return cachedFacts(place, { stamp: split, cacheDir }, statisticsSchema, () => sampleStatistics(source));
}
