import type { Genotype } from "../space/space.ts";
import { exp, log } from "../util/math.ts";

/** The choices of a genotype, each below 65,536, two in a word: two decisions are compared at once, without a branch. */
export function packed(genotype: Genotype): Int32Array {
  const words = new Int32Array((genotype.length + 1) >> 1);
  genotype.forEach((choice, i) => {
    words[i >> 1]! |= choice << (16 * (i & 1));
  });
  return words;
}

/** A network as the model sees it: its choices, and cheap numbers such as the logarithms of its costs. */
export interface Point {
  /** As `packed` makes them. */
  readonly choices: Int32Array;
  /** Of about unit size. */
  readonly features: Float64Array;
}

/** `exp(-decay × differing decisions) + linear × features · features`, and `noise` on what is seen. */
export interface Kernel {
  readonly decay: number;
  readonly linear: number;
  readonly noise: number;
}

/** What is expected of points that were not seen. */
export interface Prediction {
  readonly means: Float64Array;
  /** Without the noise. */
  readonly variances: Float64Array;
  /** Lowers the variances as if point `i` had been seen, which nears its neighbours' values to its own. */
  readonly assume: (i: number) => void;
}

/** Gaussian process regression of one value, with points added one after the other. */
export interface GaussianProcess {
  readonly count: number;
  /** O(n²): the factor of the covariance grows by a row. */
  add(point: Point, value: number): void;
  /** Changes the kernel, O(n³). */
  refit(kernel: Kernel): void;
  /** Means only, O(n) a point. */
  means(points: readonly Point[]): Float64Array;
  /** O(n²) a point. */
  predict(points: readonly Point[]): Prediction;
  /** Logarithm of the likelihood of what was seen at its best scale, up to a constant. */
  logLikelihood(): number;
}

/**
 * Of the first `length` numbers. Four sums, since each addition waits for the one before it; a function of its own, since
 * inside of loops over rows and columns V8 made it four times as slow.
 */
function dot(x: Float64Array, y: Float64Array, length = x.length): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    a += x[i]! * y[i]!;
    b += x[i + 1]! * y[i + 1]!;
    c += x[i + 2]! * y[i + 2]!;
    d += x[i + 3]! * y[i + 3]!;
  }
  for (; i < length; i++) a += x[i]! * y[i]!;
  return a + b + (c + d);
}

/**
 * A Gaussian process over genotypes: networks that differ in few decisions are alike
 * (algorithm 2.1 of Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006).
 */
export function createGaussianProcess(first: Kernel): GaussianProcess {
  let kernel = first;
  const points: Point[] = [];
  const values: number[] = [];
  /** Row i of the factor has i + 1 numbers. */
  let factor: Float64Array[] = [];
  let solved: { readonly mean: number; readonly weights: Float64Array; readonly scale: number } | null = null;
  /** The part of the kernel that counts differing decisions, by their number. */
  let decays = new Float64Array(0);

  const covariance = (a: Point, b: Point): number => {
    const { length } = a.choices;
    if (decays.length !== 2 * length + 1)
      decays = Float64Array.from({ length: 2 * length + 1 }, (_, d) => exp(-kernel.decay * d));
    let differing = 0;
    for (let i = 0; i < length; i++) {
      const x = a.choices[i]! ^ b.choices[i]!;
      // The top bit of each half: whether any bit of the half is set.
      const set = ((x & 0x7fff7fff) + 0x7fff7fff) | x;
      differing += (set >>> 31) + ((set >>> 15) & 1);
    }
    let product = 0;
    for (let i = 0; i < a.features.length; i++) product += a.features[i]! * b.features[i]!;
    return decays[differing]! + kernel.linear * product;
  };

  /** Solves `factor × x = column` in place, for all columns row by row: the factor is read once. */
  const forward = (...columns: readonly Float64Array[]): void => {
    factor.forEach((row, i) => {
      for (const column of columns) column[i] = (column[i]! - dot(row, column, i)) / row[i]!;
    });
  };

  const grow = (point: Point): void => {
    const n = factor.length;
    const row = new Float64Array(n + 1);
    for (let j = 0; j < n; j++) row[j] = covariance(point, points[j]!);
    forward(row);
    let rest = covariance(point, point) + kernel.noise;
    for (let j = 0; j < n; j++) rest -= row[j]! ** 2;
    row[n] = Math.sqrt(Math.max(rest, 1e-9));
    factor.push(row);
  };

  const solve = () => {
    if (solved !== null) return solved;
    const n = values.length;
    const mean = n === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / n;
    const weights = Float64Array.from(values, (value) => value - mean);
    forward(weights);
    const scale = weights.reduce((sum, w) => sum + w * w, 0) / Math.max(1, n);
    for (let i = n - 1; i >= 0; i--) {
      const row = factor[i]!;
      const w = (weights[i] = weights[i]! / row[i]!);
      for (let j = 0; j < i; j++) weights[j]! -= row[j]! * w;
    }
    solved = { mean, weights, scale };
    return solved;
  };

  const columnOf = (point: Point): Float64Array => {
    const column = new Float64Array(points.length);
    for (let i = 0; i < column.length; i++) column[i] = covariance(points[i]!, point);
    return column;
  };
  const meanOf = (column: Float64Array): number => solve().mean + dot(column, solve().weights);

  return {
    get count() {
      return points.length;
    },
    add(point, value) {
      grow(point);
      points.push(point);
      values.push(value);
      solved = null;
    },
    refit(next) {
      kernel = next;
      decays = new Float64Array(0);
      factor = [];
      solved = null;
      for (const point of points) grow(point);
    },
    means: (asked) => Float64Array.from(asked, (point) => meanOf(columnOf(point))),
    predict(asked) {
      const { scale } = solve();
      const columns = asked.map(columnOf);
      const means = Float64Array.from(columns, meanOf);
      forward(...columns);
      /** What each assumed point told of every point, in units of its own deviation. */
      const told: Float64Array[] = [];
      const between = (i: number, j: number): number =>
        told.reduce(
          (rest, one) => rest - one[i]! * one[j]!,
          covariance(asked[i]!, asked[j]!) - dot(columns[i]!, columns[j]!),
        );
      const variances = Float64Array.from(asked, (_, i) => scale * Math.max(0, between(i, i)));
      const assume = (i: number): void => {
        const deviation = Math.sqrt(Math.max(1e-9, between(i, i) + kernel.noise));
        const row = Float64Array.from(asked, (_, j) => between(i, j) / deviation);
        told.push(row);
        row.forEach((c, j) => {
          variances[j] = Math.max(0, variances[j]! - scale * c * c);
        });
      };
      return { means, variances, assume };
    },
    logLikelihood() {
      const n = values.length;
      let sum = -0.5 * n * log(Math.max(1e-300, solve().scale));
      for (let i = 0; i < n; i++) sum -= log(factor[i]![i]!);
      return sum;
    },
  };
}
