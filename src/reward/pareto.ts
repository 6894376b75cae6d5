import type { Metrics } from "./reward.ts";

/**
 * The trials that no other one beats, fastest first. One beats another when it is at least as accurate and as fast, and
 * better in one of the two; of equals the earlier is kept. O(n log n).
 */
export function paretoFront<T extends Metrics>(trials: readonly T[]): T[] {
  const front: T[] = [];
  let best = -Infinity;
  for (const trial of trials.toSorted((a, b) => a.latencyMs - b.latencyMs || b.accuracy - a.accuracy)) {
    if (trial.accuracy <= best) continue;
    front.push(trial);
    best = trial.accuracy;
  }
  return front;
}

/**
 * Area that the trials dominate, in ms: from each one towards slower and less accurate, as far as `reference` in both.
 * Larger is a better front; what is not better than the reference in both adds nothing.
 */
export function hypervolume(trials: readonly Metrics[], reference: Metrics): number {
  let area = 0;
  let floor = reference.accuracy;
  for (const { accuracy, latencyMs } of paretoFront(trials)) {
    if (latencyMs >= reference.latencyMs || accuracy <= floor) continue;
    area += (reference.latencyMs - latencyMs) * (accuracy - floor);
    floor = accuracy;
  }
  return area;
}
