import { cos, pow } from "./math.ts";

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Variance of the distribution that two or more values come from (divided by n − 1); NaN for one, which tells nothing of it. */
export function variance(values: readonly number[]): number {
  const middle = mean(values);
  return values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1);
}

const cells = 2000;

/**
 * What Student's t with `freedom` degrees of freedom exceeds in size with probability 0.05; from 1 degree on. With
 * t = √freedom × tan θ the density is cosine^(freedom − 1) on -π/2..π/2, which Simpson's rule sums to about 4 digits.
 */
export function studentQuantile(freedom: number): number {
  if (!(freedom >= 1)) throw new RangeError(`Degrees of freedom are ${freedom}, must be at least 1`);
  // Beyond, it differs from the normal distribution's by less than 0.003.
  const n = Math.min(freedom, 1000);
  const width = Math.PI / 2 / cells;
  const density = (angle: number): number => pow(Math.max(cos(angle), 1e-300), n - 1);
  const pieces = Array.from(
    { length: cells },
    (_, i) => density(i * width) + 4 * density((i + 0.5) * width) + density((i + 1) * width),
  );
  let rest = 0.95 * pieces.reduce((sum, piece) => sum + piece, 0);
  let cell = 0;
  while (rest > pieces[cell]!) rest -= pieces[cell++]!;
  const cosine = cos((cell + rest / pieces[cell]!) * width);
  return Math.sqrt((n * (1 - cosine * cosine)) / (cosine * cosine));
}

/** The mean of some values less that of others, with its 95 % interval. */
export interface Difference {
  readonly difference: number;
  readonly low: number;
  readonly high: number;
}

/**
 * Welch's t-test at 95 %, as an interval of the difference of means; the two may vary differently. Null unless both have
 * two values: one says nothing of how much the next would differ.
 */
export function welchInterval(a: readonly number[], b: readonly number[]): Difference | null {
  if (a.length < 2 || b.length < 2) return null;
  const difference = mean(a) - mean(b);
  const [x, y] = [variance(a) / a.length, variance(b) / b.length];
  if (x + y === 0) return { difference, low: difference, high: difference };
  // Welch and Satterthwaite; rounding must not take it below its least value.
  const freedom = Math.max(1, (x + y) ** 2 / (x ** 2 / (a.length - 1) + y ** 2 / (b.length - 1)));
  const half = studentQuantile(freedom) * Math.sqrt(x + y);
  return { difference, low: difference - half, high: difference + half };
}
