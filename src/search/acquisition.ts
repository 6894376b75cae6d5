import { paretoFront } from "../reward/pareto.ts";
import type { Metrics } from "../reward/reward.ts";
import type { Genotype } from "../space/space.ts";
import type { Objective } from "./searcher.ts";

/** How much an objective would gain by a network of such metrics. */
export interface Acquisition {
  score(genotype: Genotype, metrics: Metrics): number;
  /** Takes it as if the network had been tried. */
  assume(metrics: Metrics): void;
}

/** The reward itself: what was seen does not change it. */
const rewardAcquisition = (objective: Extract<Objective, { kind: "reward" }>): Acquisition => ({
  score: (genotype, metrics) => objective.rewardOf(genotype, metrics),
  assume: () => {},
});

/**
 * Growth of the hypervolume that the front dominates within what was seen, in units of the box that holds it; for a
 * network that the front beats, minus how far it is under it. The idea of expected hypervolume improvement
 * (https://doi.org/10.1109/TEVC.2005.851275), with an optimistic accuracy in place of the expectation.
 */
function frontAcquisition(seen: readonly Metrics[]): Acquisition {
  // A little beyond the slowest, so that more accuracy is worth something there too.
  const slowest = 1.1 * Math.max(...seen.map(({ latencyMs }) => latencyMs));
  const best = Math.max(...seen.map(({ accuracy }) => accuracy));
  let front = paretoFront(seen);
  const worst = front[0]?.accuracy ?? 0;
  const height = Math.max(1e-9, best - worst);

  const gain = ({ accuracy, latencyMs }: Metrics): number => {
    let floor = worst - 0.1 * height;
    let area = 0;
    let from = latencyMs;
    for (const member of front) {
      if (member.latencyMs <= latencyMs) {
        floor = Math.max(floor, member.accuracy);
        continue;
      }
      const to = Math.min(member.latencyMs, slowest);
      if (accuracy > floor && to > from) area += (accuracy - floor) * (to - from);
      from = Math.max(from, to);
      floor = Math.max(floor, member.accuracy);
      if (floor >= accuracy) break;
    }
    if (accuracy > floor && slowest > from) area += (accuracy - floor) * (slowest - from);
    if (area > 0) return area / (height * slowest);
    const under = front.findLast((member) => member.latencyMs <= latencyMs)?.accuracy ?? accuracy;
    return Math.min(0, accuracy - under) / height - 1e-9;
  };
  return {
    score: (_, metrics) => gain(metrics),
    assume: (metrics) => {
      front = paretoFront([...front, metrics]);
    },
  };
}

export const acquisitionOf = (objective: Objective, seen: readonly Metrics[]): Acquisition =>
  objective.kind === "reward" ? rewardAcquisition(objective) : frontAcquisition(seen);
