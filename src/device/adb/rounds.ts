import type { Timing } from "../../latency.ts";
import { median } from "../statistics.ts";
import type { ToolRun } from "./tool-run.ts";

/** The tools give whole microseconds. */
const resolutionMs = 1e-3;
/** The median of n normal values varies by this share of their deviation over √n. */
const ofMedian = Math.sqrt(Math.PI / 2);
/** Rounds that differ by more were disturbed. */
const isFar = 1.15;

/** Half of the 95 % interval of a median, as if runs were normal: the tools do not give their samples. */
const halfInterval = ({ deviationMs, count }: ToolRun): number => (1.96 * ofMedian * deviationMs) / Math.sqrt(count);

/**
 * What several processes of a tool say together: the median of their medians; an interval that holds the intervals of
 * all; the highest of what they say of p90.
 */
export function combine(rounds: readonly ToolRun[]): Timing & { readonly isUnstable: boolean } {
  const medians = rounds.map(({ medianMs }) => medianMs);
  const atLeast = (ms: number): number => Math.max(resolutionMs, ms);
  const low = Math.min(...rounds.map((round) => Math.max(round.minMs, round.medianMs - halfInterval(round))));
  return {
    medianMs: atLeast(median(medians)),
    p90Ms: atLeast(Math.max(...rounds.map(({ p90Ms }) => p90Ms))),
    lowMs: atLeast(low),
    highMs: atLeast(Math.max(...rounds.map((round) => round.medianMs + halfInterval(round)))),
    runs: rounds.reduce((sum, { count }) => sum + count, 0),
    warmup: rounds.reduce((sum, { warmup }) => sum + warmup, 0),
    isUnstable: Math.max(...medians) > isFar * Math.min(...medians),
  };
}
