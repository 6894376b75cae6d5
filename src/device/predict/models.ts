import { exp, log } from "../../util/math.ts";
import { dot, nonNegativeLeastSquares, solve, type Matrix } from "./linear.ts";

/** A network as models see it. */
export interface Point {
  /** What it costs by kind of work. */
  readonly costs: Readonly<Record<string, number>>;
  /** What another table or predictor says of it; null without one. */
  readonly priorMs: number | null;
}

export interface Sample extends Point {
  readonly ms: number;
}

/** Time as a sum of costs, corrected by what networks of similar costs took. All that a file needs to hold. */
export interface Model {
  readonly kind: ModelKind;
  /** Milliseconds for one unit of each kind of work, of the prior ("prior") and of any network ("call"). */
  readonly weights: Readonly<Record<string, number>>;
  /** Null for none. */
  readonly correction: Correction | null;
}

/** A Gaussian process over the logarithms of costs that predicts the logarithm of measured / sum. */
interface Correction {
  readonly kinds: readonly string[];
  readonly means: readonly number[];
  readonly deviations: readonly number[];
  readonly length: number;
  readonly centers: Matrix;
  readonly alphas: readonly number[];
}

const call = "call";
const prior = "prior";

/** Which columns the sum has, and whether it is corrected. */
const kinds = {
  costs: { hasCosts: true, hasPrior: false, isCorrected: false },
  "costs, corrected": { hasCosts: true, hasPrior: false, isCorrected: true },
  prior: { hasCosts: false, hasPrior: true, isCorrected: false },
  "prior, corrected": { hasCosts: false, hasPrior: true, isCorrected: true },
  "prior and costs": { hasCosts: true, hasPrior: true, isCorrected: false },
} as const;
export type ModelKind = keyof typeof kinds;
export const modelKinds = Object.keys(kinds) as ModelKind[];

/** Kinds that can be fitted to these samples. */
export const usableKinds = (samples: readonly Sample[]): ModelKind[] =>
  modelKinds.filter((kind) => !kinds[kind].hasPrior || samples.every(({ priorMs }) => priorMs !== null));

function amounts({ costs, priorMs }: Point, { hasCosts, hasPrior }: { hasCosts: boolean; hasPrior: boolean }) {
  return { [call]: 1, ...(hasCosts ? costs : {}), ...(hasPrior ? { [prior]: priorMs! } : {}) } as Record<
    string,
    number
  >;
}

const namesOf = (points: readonly Point[]): string[] =>
  [...new Set(points.flatMap(({ costs }) => Object.keys(costs)))].sort();

/** How much weights of costs are pulled towards 0, when their column is scaled to a mean of 1: there are many. */
const ridge = 1e-3;

function fitSum(samples: readonly Sample[], kind: ModelKind): Record<string, number> {
  const rows = samples.map((sample) => amounts(sample, kinds[kind]));
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))].sort();
  // Errors count as shares, so a row is divided by what it should give; columns are scaled to a mean of 1.
  const x = rows.map((row, i) => names.map((name) => (row[name] ?? 0) / samples[i]!.ms));
  const scales = names.map((_, j) => x.reduce((sum, row) => sum + row[j]!, 0) / x.length || 1);
  const scaled = x.map((row) => row.map((value, j) => value / scales[j]!));
  const ones = samples.map(() => 1);
  const w = nonNegativeLeastSquares(
    scaled,
    ones,
    names.map((name) => (name === prior || name === call ? 0 : ridge)),
  );
  return Object.fromEntries(names.map((name, j) => [name, w[j]! / scales[j]!]));
}

const sumOf = (weights: Readonly<Record<string, number>>, point: Point): number => {
  const row = amounts(point, { hasCosts: true, hasPrior: point.priorMs !== null });
  return Object.entries(weights).reduce((sum, [name, weight]) => sum + weight * (row[name] ?? 0), 0);
};

/** Candidates for the length scale and the noise of the process, of which leaving one out chooses. */
const lengths = [2, 4, 8, 16];
const noises = [0.01, 0.1, 1];

const logs = ({ costs }: Point, names: readonly string[]): number[] => names.map((name) => log(1 + (costs[name] ?? 0)));
const kernel = (a: readonly number[], b: readonly number[], length: number): number =>
  exp(-a.reduce((sum, x, i) => sum + (x - b[i]!) ** 2, 0) / (2 * length * length));

function fitCorrection(samples: readonly Sample[], weights: Readonly<Record<string, number>>): Correction | null {
  const y = samples.map((sample) => log(sample.ms / sumOf(weights, sample)));
  const names = namesOf(samples);
  const raw = samples.map((sample) => logs(sample, names));
  const means = names.map((_, j) => raw.reduce((sum, row) => sum + row[j]!, 0) / raw.length);
  const deviations = names.map(
    (_, j) => Math.sqrt(raw.reduce((sum, row) => sum + (row[j]! - means[j]!) ** 2, 0) / raw.length) || 1,
  );
  const centers = raw.map((row) => row.map((value, j) => (value - means[j]!) / deviations[j]!));
  let best: { readonly loss: number; readonly correction: Correction | null } = { loss: dot(y, y), correction: null };
  for (const length of lengths) {
    for (const noise of noises) {
      const k = centers.map((a, i) => centers.map((b, j) => kernel(a, b, length) + (i === j ? noise : 0)));
      const alphas = solve(k, y);
      // What each sample's residual would be had it been left out.
      const loss = alphas.reduce((sum, alpha, i) => {
        const unit = k.map((_, j) => (i === j ? 1 : 0));
        return sum + (alpha / solve(k, unit)[i]!) ** 2;
      }, 0);
      if (loss < best.loss) best = { loss, correction: { kinds: names, means, deviations, length, centers, alphas } };
    }
  }
  return best.correction;
}

/** Fits a model of a kind to measured networks. */
export function fitModel(kind: ModelKind, samples: readonly Sample[]): Model {
  const weights = fitSum(samples, kind);
  return { kind, weights, correction: kinds[kind].isCorrected ? fitCorrection(samples, weights) : null };
}

/** Milliseconds of a network. */
export function predict({ weights, correction }: Model, point: Point): number {
  const sum = sumOf(weights, point);
  if (correction === null) return sum;
  const { kinds: names, means, deviations, length, centers, alphas } = correction;
  const x = logs(point, names).map((value, j) => (value - means[j]!) / deviations[j]!);
  return (
    sum *
    exp(
      dot(
        alphas,
        centers.map((center) => kernel(x, center, length)),
      ),
    )
  );
}
