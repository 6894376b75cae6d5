import type { Bound, Speedup } from "../report/report.ts";
import type { Rng } from "../util/rng.ts";
import { mean, variance } from "../util/welch.ts";

/** A network with its latency in ms and the accuracy of each of its trainings. */
export interface Trained {
  readonly name: string;
  readonly latencyMs: number;
  readonly accuracies: readonly number[];
}

/** A point of a baseline's curve. */
export interface Point {
  readonly latencyMs: number;
  readonly accuracy: number;
}

/**
 * The latency at which a family of baselines reaches an accuracy: between the fastest that reaches it and the next
 * faster one, in proportion to accuracy. Where even the slowest does not reach it, that one's latency is a lower bound;
 * where even the fastest exceeds it, its latency is an upper bound.
 */
export function latencyAt(accuracy: number, baselines: readonly Point[]): { latencyMs: number; bound: Bound } {
  const sorted = baselines.toSorted((a, b) => a.latencyMs - b.latencyMs);
  const at = sorted.findIndex((baseline) => baseline.accuracy >= accuracy);
  const slowest = sorted.at(-1);
  if (slowest === undefined) throw new RangeError("Cannot interpolate between no baselines");
  const above = sorted[at];
  if (above === undefined) return { latencyMs: slowest.latencyMs, bound: "atLeast" };
  const below = sorted[at - 1];
  if (below === undefined)
    return { latencyMs: above.latencyMs, bound: above.accuracy === accuracy ? "exact" : "atMost" };
  const share = (accuracy - below.accuracy) / (above.accuracy - below.accuracy);
  return { latencyMs: below.latencyMs + share * (above.latencyMs - below.latencyMs), bound: "exact" };
}

const draws = 2000;

/**
 * Compares a network with a family of baselines at its own accuracy. The interval is drawn: each mean accuracy anew from
 * a normal distribution, as wide as the deviation between trainings, pooled over all networks, makes it. Latencies are
 * taken as they are.
 */
export function speedupOf(network: Trained, baselines: readonly Trained[], rng: Rng): Speedup {
  const all = [network, ...baselines];
  const repeated = all.filter(({ accuracies }) => accuracies.length > 1);
  const freedom = repeated.reduce((sum, { accuracies }) => sum + accuracies.length - 1, 0);
  const squares = repeated.reduce((sum, { accuracies }) => sum + variance(accuracies) * (accuracies.length - 1), 0);
  const deviation = Math.sqrt(squares / freedom);
  const ratioOf = (accuracyOf: (one: Trained) => number): { ratio: number; bound: Bound } => {
    const points = baselines.map((one) => ({ latencyMs: one.latencyMs, accuracy: accuracyOf(one) }));
    const { latencyMs, bound } = latencyAt(accuracyOf(network), points);
    return { ratio: latencyMs / network.latencyMs, bound };
  };
  const found = ratioOf(({ accuracies }) => mean(accuracies));
  if (freedom === 0) return { ...found, low: null, high: null, hasInterval: false };

  const ratios = Array.from({ length: draws }, () => {
    const { ratio, bound } = ratioOf(
      ({ accuracies }) => mean(accuracies) + (deviation / Math.sqrt(accuracies.length)) * rng.normal(),
    );
    return bound === "exact" ? ratio : bound === "atLeast" ? Infinity : 0;
  }).sort((a, b) => a - b);
  // Where most draws are bounds, so is the end.
  const low = Math.min(found.ratio, ratios[Math.floor(0.025 * draws)]!);
  const high = Math.max(found.ratio, ratios[Math.ceil(0.975 * draws) - 1]!);
  return {
    ...found,
    low: low === 0 || found.bound === "atMost" ? null : low,
    high: high === Infinity || found.bound === "atLeast" ? null : high,
    hasInterval: true,
  };
}
