import { mean, variance } from "../util/welch.ts";
import type { Score } from "./replay.ts";

/** Over seeds; the standard error is that of the mean. */
export interface Estimate {
  readonly mean: number;
  readonly stderr: number;
}

export const measures = ["accuracy", "reward", "distance", "within", "hypervolume", "distinct", "time"] as const;
export type Measure = (typeof measures)[number];

export type Summary = { readonly samples: number } & { readonly [M in Measure]: Estimate };

/** Mean of values, each of another seed. */
export const estimate = (values: readonly number[]): Estimate => ({
  mean: mean(values),
  stderr: values.length < 2 ? 0 : Math.sqrt(variance(values) / values.length),
});

/** Means over searches that differ in their seeds, for each number of samples. */
export function summarizeScores(runs: readonly (readonly Score[])[]): Summary[] {
  return runs[0]!.map(({ samples }, i) => {
    const of = (measure: Measure): Estimate => estimate(runs.map((scores) => scores[i]![measure]));
    return { samples, ...(Object.fromEntries(measures.map((m) => [m, of(m)])) as Record<Measure, Estimate>) };
  });
}
