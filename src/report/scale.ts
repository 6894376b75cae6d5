import { log } from "../util/math.ts";

/** From values to positions, with the values that deserve a tick. */
export interface Scale {
  readonly isLog: boolean;
  /** First and last value. */
  readonly domain: readonly [number, number];
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
  /** Decimals that tell all ticks apart. */
  readonly decimals: number;
}

type Interval = readonly [number, number];

/** Power of ten in a positive number: 0.05 has -2. Exact, where a logarithm may fall on the wrong side. */
const exponentOf = (value: number): number => Number(value.toExponential().split("e")[1]);

/** The smallest 1, 2 or 5 times a power of ten that cuts `span` into at most `count` pieces. */
function tickStep(span: number, count: number): number {
  const exponent = exponentOf(span / count);
  const fits = (step: number): boolean => span / step <= count * (1 + 1e-9);
  return [1, 2, 5, 10].map((m) => Number(`${m}e${exponent}`)).find(fits) ?? Number(`2e${exponent + 1}`);
}

const decimalsOf = (step: number): number => Math.max(0, -exponentOf(step));

/** Multiples of a nice step from `low` to `high`, 2 to `count + 1` of them for a count of 5 or more. */
function linearTicks([low, high]: Interval, count: number): { ticks: number[]; decimals: number } {
  const step = tickStep(high - low, count);
  const decimals = decimalsOf(step);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toFixed(decimals)));
  return { ticks, decimals };
}

/** 1, 2 and 5 times the powers of ten from `low` to `high`; the powers alone over more than three of them. */
function logTicks([low, high]: Interval): number[] {
  const [first, last] = [exponentOf(low), exponentOf(high)];
  const multiples = last - first > 3 ? [1] : [1, 2, 5];
  const decades = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  return decades
    .flatMap((exponent) => multiples.map((m) => Number(`${m}e${exponent}`)))
    .filter((tick) => tick >= low && tick <= high);
}

/** Maps `domain` to `range` evenly. `count` is about how many ticks there is room for. */
export function linearScale(domain: Interval, range: Interval, count = 6): Scale {
  const [low, high] = domain;
  const slope = (range[1] - range[0]) / (high - low);
  return { isLog: false, domain, at: (value) => range[0] + (value - low) * slope, ...linearTicks(domain, count) };
}

/** Maps the positive `domain` to `range` so that equal ratios are equally long. */
export function logScale(domain: Interval, range: Interval): Scale {
  const low = log(domain[0]);
  const slope = (range[1] - range[0]) / (log(domain[1]) - low);
  const ticks = logTicks(domain);
  return {
    isLog: true,
    domain,
    at: (value) => range[0] + (log(value) - low) * slope,
    ticks,
    decimals: Math.max(0, ...ticks.map(decimalsOf)),
  };
}

const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b));
const greatest = (values: readonly number[]): number => values.reduce((a, b) => Math.max(a, b));

/** Whether values are so far apart that an even axis would crowd most of them into a corner. */
export const spansDecades = (values: readonly number[]): boolean =>
  values.length > 1 && least(values) > 0 && greatest(values) > 10 * least(values);

/** From a little below the least of the values to a little above the greatest, and never empty. */
export function paddedDomain(values: readonly number[], { share = 0.06, minimum = 1e-6 } = {}): Interval {
  if (values.length === 0) return [0, 1];
  const [low, high] = [least(values), greatest(values)];
  const pad = Math.max(share * (high - low), minimum);
  return [low - pad, high + pad];
}

/** The domain of latencies: from zero where that costs less than half the axis, or there is nothing to compare. */
export function latencyDomain(values: readonly number[], isLog: boolean): Interval {
  if (values.length === 0) return [0, 1];
  const [low, high] = [least(values), greatest(values)];
  if (isLog) return [low / 1.15, high * 1.15];
  const pad = Math.max(0.06 * (high - low), 0.02 * high, 1e-6);
  return [low < 0.5 * high || low === high ? 0 : Math.max(0, low - pad), high + pad];
}

/** The domain of shares such as accuracies, inside 0..1. */
export function shareDomain(values: readonly number[]): Interval {
  const [low, high] = paddedDomain(values, { minimum: 0.005 });
  return [Math.max(0, low), Math.min(1, high)];
}

/**
 * The value below which results are so far from the rest that drawing them to scale would flatten everything else: three
 * times as far below the lower quartile as the best is above it. `-Infinity` when there are too few to tell.
 */
export function outlierFloor(values: readonly number[]): number {
  if (values.length < 8) return -Infinity;
  const sorted = values.toSorted((a, b) => a - b);
  const quartile = sorted[Math.floor(sorted.length / 4)]!;
  const above = sorted.at(-1)! - quartile;
  return above > 0 ? quartile - 3 * above : -Infinity;
}
