import { paretoFront } from "../../src/reward/pareto.ts";
import type { Observation, Searcher, SearcherOptions } from "../../src/search/searcher.ts";
import { sample, type Genotype, type SearchSpace } from "../../src/space/space.ts";
import { createRng } from "../../src/util/rng.ts";

/** The networks that differ from one in one decision. */
const neighboursOf = (space: SearchSpace, genotype: Genotype): Genotype[] =>
  space.decisions.flatMap(({ choices }, at) =>
    choices.flatMap((_, choice) => (choice === genotype[at] ? [] : [genotype.with(at, choice)])),
  );

/**
 * Local search: all neighbours of a network are tried, then those of the best of them, as long as it is better; at an
 * optimum it begins anew (https://arxiv.org/abs/2005.02960). For a front, the neighbours of each network of the front are
 * tried (Pareto local search). One trial at a time; none is repeated.
 */
export function localSearch(space: SearchSpace, { seed, objective }: SearcherOptions): Searcher {
  const rng = createRng(seed).fork("local-search");
  const tried = new Map<string, Observation>();
  const explored = new Set<string>();
  let queue: Genotype[] = [];
  let centre: Observation | null = null;

  const isFresh = (genotype: Genotype): boolean => !tried.has(genotype.join());

  /** A network of the front whose neighbours were not tried; null when there is none. */
  const unexplored = (): Observation | null => {
    const measured = Array.from(tried.values(), (one) => ({
      ...one,
      accuracy: one.accuracy ?? 0,
      latencyMs: one.latencyMs ?? Infinity,
    }));
    const left = paretoFront(measured).filter(({ genotype }) => !explored.has(genotype.join()));
    return left.length === 0 ? null : rng.pick(left);
  };

  /** The best neighbour; null at an optimum. After a fresh beginning, that. */
  const better = (): Observation | null => {
    if (centre === null) return [...tried.values()].at(-1) ?? null;
    let best = centre;
    for (const genotype of neighboursOf(space, centre.genotype)) {
      const neighbour = tried.get(genotype.join());
      if (neighbour !== undefined && neighbour.reward > best.reward) best = neighbour;
    }
    return best === centre ? null : best;
  };

  const random = (): Genotype => {
    let genotype = sample(space, rng);
    for (let i = 0; i < 100 && !isFresh(genotype); i++) genotype = sample(space, rng);
    return genotype;
  };

  return {
    ask() {
      while (queue.length === 0) {
        centre = objective?.kind === "front" ? unexplored() : better();
        if (centre === null) return random();
        explored.add(centre.genotype.join());
        queue = rng.shuffle(neighboursOf(space, centre.genotype).filter(isFresh));
      }
      return queue.pop()!;
    },
    tell(observation) {
      tried.set(observation.genotype.join(), observation);
    },
  };
}
