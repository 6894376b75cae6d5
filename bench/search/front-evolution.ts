import { paretoFront } from "../../src/reward/pareto.ts";
import type { Observation, Searcher, SearcherOptions } from "../../src/search/searcher.ts";
import { mutate, sample, type SearchSpace } from "../../src/space/space.ts";
import { createRng } from "../../src/util/rng.ts";

/**
 * Evolution of a front: a random network of the front so far is mutated in one decision (SEMO,
 * https://doi.org/10.1007/3-540-45712-7_6), after 20 random ones. One trial at a time.
 */
export function frontEvolution(space: SearchSpace, { seed }: SearcherOptions): Searcher {
  const root = createRng(seed).fork("front-evolution");
  let front: (Observation & { readonly accuracy: number; readonly latencyMs: number })[] = [];
  return {
    ask(number) {
      const rng = root.fork(number);
      return number < 20 || front.length === 0 ? sample(space, rng) : mutate(space, rng.pick(front).genotype, rng);
    },
    tell(observation) {
      const { accuracy, latencyMs } = observation;
      if (typeof accuracy !== "number" || typeof latencyMs !== "number") return;
      front = paretoFront([...front, { ...observation, accuracy, latencyMs }]);
    },
  };
}
