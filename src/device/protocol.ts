import type { Timing } from "../latency.ts";
import { median, medianInterval, quantile } from "./statistics.ts";

/** How much to measure. */
export interface TimingOptions {
  /** Keep the device busy with the model for this long before anything else, to measure it as warm as it gets. */
  readonly loadMs?: number;
  /** Longest warm-up; it ends before when runs stop getting faster. */
  readonly warmupMs?: number;
  /** Measure at least this long, so that one moment of a busy machine does not decide. */
  readonly minMs?: number;
  /** Then until the median is known within `tolerance`, at most this long while nothing disturbs. */
  readonly maxMs?: number;
  /** Width of the 95 % interval of the median, as a share of it. */
  readonly tolerance?: number;
  /** However slow the model is. */
  readonly minRuns?: number;
  readonly signal?: AbortSignal | undefined;
}

/** The time of each run, and how many were run before. */
export interface Runs {
  readonly samples: readonly number[];
  readonly warmup: number;
}

/** The least for which the 95 % interval of the median leaves out the fastest and the slowest run. */
export const leastRuns = 9;
/** Runs that are compared with those before them, to see whether they still get faster. */
const warmupWindow = 5;

type Clock = () => number;

const wallClock: Clock = () => performance.now();

/** A function that runs another and says how many milliseconds that took. */
export const timerOf =
  (run: () => Promise<unknown>, now: Clock = wallClock, signal?: AbortSignal) =>
  async (): Promise<number> => {
    signal?.throwIfAborted();
    const start = now();
    await run();
    return now() - start;
  };

/**
 * Runs a function under load, then until it no longer gets faster.
 *
 * @returns how many runs that took.
 */
export async function warmUp(
  run: () => Promise<unknown>,
  { loadMs = 0, warmupMs = 100, signal }: Pick<TimingOptions, "loadMs" | "warmupMs" | "signal">,
  now: Clock = wallClock,
): Promise<number> {
  const time = timerOf(run, now, signal);
  let warmup = 0;
  for (const loaded = now(); now() - loaded < loadMs; warmup++) await time();
  const began = now();
  let rehearsals = 0;
  const isWarming = (): boolean => rehearsals < 2 || now() - began < warmupMs;
  for (let fastest = Infinity, isFaster = true; isFaster && isWarming();) {
    const window: number[] = [];
    do {
      window.push(await time());
      rehearsals += 1;
    } while (window.length < warmupWindow && isWarming());
    isFaster = median(window) < 0.98 * fastest;
    fastest = Math.min(fastest, median(window));
  }
  return warmup + rehearsals;
}

/** Whether the 95 % interval of the median is as narrow as `tolerance`, a share of it. */
export function isKnown(samples: readonly number[], tolerance: number): boolean {
  const [low, high] = medianInterval(samples.toSorted((a, b) => a - b));
  return high - low <= tolerance * median(samples);
}

/**
 * Times a function by the protocol that all devices share: run it until it no longer gets faster, then until its
 * median is known well enough.
 *
 * @param now a clock in milliseconds.
 */
export async function timeRuns(
  run: () => Promise<unknown>,
  options: TimingOptions = {},
  now: Clock = wallClock,
): Promise<Runs> {
  const { minMs = 250, maxMs = 500, tolerance = 0.01, minRuns = leastRuns, signal } = options;
  const warmup = await warmUp(run, options, now);
  const time = timerOf(run, now, signal);
  const samples: number[] = [];
  const start = now();
  // Looking at the samples takes time and caches, so it is done ever more rarely.
  for (let look = minRuns; ; look = Math.ceil(1.25 * samples.length)) {
    while (samples.length < look && (samples.length < minRuns || now() - start < maxMs)) samples.push(await time());
    const elapsed = now() - start;
    if (elapsed >= maxMs || (elapsed >= minMs && isKnown(samples, tolerance))) return { samples, warmup };
  }
}

/** Median, spread and number of the runs of one or more rounds. */
export function summarize(rounds: readonly Runs[]): Timing {
  const sorted = rounds.flatMap(({ samples }) => samples).sort((a, b) => a - b);
  const [lowMs, highMs] = medianInterval(sorted);
  return {
    medianMs: quantile(sorted, 0.5),
    p90Ms: quantile(sorted, 0.9),
    lowMs,
    highMs,
    runs: sorted.length,
    warmup: rounds.reduce((sum, { warmup }) => sum + warmup, 0),
  };
}
