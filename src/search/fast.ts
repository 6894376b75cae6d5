import type { Prediction } from "./gaussian-process.ts";

/** How many deviations below the target a network is expected to be that is taken to be within it. */
const margin = 1;

/**
 * Chooses by predicted latency alone: the candidate that is most probably within the target, one after the other. Each is
 * chosen as if those before it had turned out as expected. Among candidates that are taken to be within it, the slowest
 * comes first: slower networks are more accurate, as a rule.
 *
 * @param prediction of the logarithm of latency.
 * @returns positions of at most `count` candidates.
 */
export function chooseFast({ means, variances, assume }: Prediction, logTarget: number, count: number): number[] {
  const left = new Set(means.keys());
  const chosen: number[] = [];
  while (chosen.length < count && left.size > 0) {
    let best = { i: -1, deviations: -Infinity };
    for (const i of left) {
      const deviations = Math.min(margin, (logTarget - means[i]!) / Math.sqrt(variances[i]! + 1e-12));
      const isBetter = deviations > best.deviations || (deviations === best.deviations && means[i]! > means[best.i]!);
      if (best.i < 0 || isBetter) best = { i, deviations };
    }
    left.delete(best.i);
    assume(best.i);
    chosen.push(best.i);
  }
  return chosen;
}
