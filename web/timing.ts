import { timeRuns, type Runs, type TimingOptions } from "../src/device/protocol.ts";
import type { JobOptions } from "../src/device/remote/messages.ts";
import { median } from "../src/device/statistics.ts";

export type Clock = () => number;

const now: Clock = () => performance.now();

/** Steps of a clock that are looked at, and the longest time for that. */
const steps = 20;
const longestMs = 500;

/**
 * The least step of the clock in milliseconds. Browsers make their clocks coarser, so that pages cannot spy on each
 * other: 0.005 ms where a page is cross-origin isolated, else 0.1 ms (Chrome) or 1 ms (Safari, Firefox), sometimes more.
 */
export function timerGrain(clock: Clock = now): number {
  const began = clock();
  let grain = Infinity;
  for (let step = 0, last = began; step < steps && last - began < longestMs; step++) {
    let next = clock();
    while (next === last) next = clock();
    grain = Math.min(grain, next - last);
    last = next;
  }
  // Differences of decimal fractions are off by their last bits.
  return Number(grain.toPrecision(3));
}

/** A sample is at least so many times the grain: one step more or less is 1 % of it. */
const fewestGrains = 100;
/** What is aimed at. */
const grains = 150;
/** Where that would be more samples than the search takes. */
const mostSamples = 3000;

/** What takes longer to settle is measured as it is. */
const longestSettleMs = 15_000;
/** Runs of which the median is compared with those before. */
const settleWindow = 5;

/**
 * Runs a function until its code is compiled as well as it will be: until it has not become 5 % faster for as long as it
 * took to become as fast as it is, and for `leastMs`. A browser first runs WebAssembly as its quick compiler leaves it,
 * which is 20 times as slow, and replaces what is hot in the background.
 *
 * @returns how many runs that took.
 */
export async function settle(run: () => Promise<unknown>, leastMs: number, clock: Clock = now): Promise<number> {
  const began = clock();
  let [runs, fastest, since] = [0, Infinity, 0];
  for (let elapsed = 0; elapsed < Math.min(longestSettleMs, 2 * since + leastMs);) {
    const window: number[] = [];
    for (let start = clock(), i = 0; i < settleWindow; i++) {
      await run();
      const end = clock();
      window.push(end - start);
      start = end;
    }
    runs += settleWindow;
    elapsed = clock() - began;
    const ms = median(window);
    if (ms < 0.95 * fastest) [fastest, since] = [ms, elapsed];
  }
  return runs;
}

/** How many runs are timed together so that the clock does not matter, and how many that took to find out. */
async function chooseBatch(
  run: () => Promise<unknown>,
  sampleMs: number,
  clock: Clock,
): Promise<{ batch: number; runs: number }> {
  const time = async (batch: number): Promise<number> => {
    const start = clock();
    for (let i = 0; i < batch; i++) await run();
    return clock() - start;
  };
  let runs = 0;
  for (let batch = 1; ; batch *= 2) {
    // The first runs of a network are slow: its code is compiled better only now.
    const ms = Math.min(await time(batch), await time(batch));
    runs += 2 * batch;
    if (ms >= sampleMs) return { batch: Math.ceil((batch * sampleMs) / ms), runs };
  }
}

/** The samples of a job, milliseconds per run each, and how they were taken. */
export interface Timed extends Runs {
  readonly batch: number;
}

/**
 * Times a function by the protocol of all devices, several runs at once where the clock is too coarse for one.
 *
 * @param grainMs step of the clock.
 */
export async function timeBatches(
  run: () => Promise<unknown>,
  options: Omit<JobOptions, "startMs" | "loadMs"> & TimingOptions,
  grainMs: number,
  clock: Clock = now,
): Promise<Timed> {
  const sampleMs = Math.max(grains * grainMs, options.maxMs / mostSamples);
  let { batch, runs } = await chooseBatch(run, sampleMs, clock);
  const runBatch = async (): Promise<void> => {
    for (let i = 0; i < batch; i++) await run();
  };
  for (;;) {
    const { samples, warmup } = await timeRuns(runBatch, options, clock);
    const ms = median(samples);
    if (ms >= fewestGrains * grainMs) {
      return { samples: samples.map((each) => each / batch), warmup: runs + warmup * batch, batch };
    }
    // It got faster than it was when the batch was chosen.
    runs += (warmup + samples.length) * batch;
    batch = Math.ceil((batch * sampleMs) / Math.max(ms, grainMs));
  }
}
