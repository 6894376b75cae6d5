import { mean, variance } from "../util/welch.ts";
import type { Score } from "./replay.ts";

/** Over seeds; the standard error is that of the mean, and null for a single seed. */
export interface Estimate {
  readonly mean: number;
  readonly stderr: number | null;
}

const measures = ["accuracy", "reward", "distance", "within", "hypervolume", "distinct", "time"] as const;
type Measure = (typeof measures)[number];

/** Null where the scores have no value. */
export type Summary = { readonly samples: number } & {
  readonly [M in Measure]: null extends Score[M] ? Estimate | null : Estimate;
};

/** Mean of values, each of another seed. */
export const estimate = (values: readonly number[]): Estimate => ({
  mean: mean(values),
  stderr: values.length < 2 ? null : Math.sqrt(variance(values) / values.length),
});

/** Means over searches that differ in their seeds, for each number of samples. */
export function summarizeScores(runs: readonly (readonly Score[])[]): Summary[] {
  return runs[0]!.map(({ samples }, i) => {
    const of = (measure: Measure): Estimate | null => {
      const values = runs.flatMap((scores) => scores[i]![measure] ?? []);
      return values.length === 0 ? null : estimate(values);
    };
    return { samples, ...Object.fromEntries(measures.map((m) => [m, of(m)])) } as Summary;
  });
}
