import { mutate, sample, type SearchSpace } from "../space/space.ts";
import { createRng } from "../util/rng.ts";
import { batchStart, type Observation, type Searcher, type SearcherOptions } from "./searcher.ts";

export interface EvolutionOptions extends SearcherOptions {
  /** Trials alive at a time; the first this many are random. */
  readonly populationSize?: number;
  /** Members drawn to compete for being the parent. */
  readonly tournamentSize?: number;
}

/**
 * Regularized evolution: the best of a few random members is mutated in one decision, and the oldest member dies, however
 * good it is (https://arxiv.org/abs/1802.01548). The paper's population of 100 and tournament of 25 are for 20,000 trials.
 */
export function evolutionSearcher(space: SearchSpace, options: EvolutionOptions): Searcher {
  const { seed, batch, populationSize = 16, tournamentSize = 8 } = options;
  const root = createRng(seed).fork("search");
  const told: Observation[] = [];

  return {
    ask(number) {
      const rng = root.fork(number);
      const start = batchStart(number, batch);
      const population = told.filter((observation) => observation.number < start).slice(-populationSize);
      if (population.length < populationSize) return sample(space, rng);
      let parent = rng.pick(population);
      for (let i = 1; i < tournamentSize; i++) {
        const rival = rng.pick(population);
        if (rival.reward > parent.reward) parent = rival;
      }
      return mutate(space, parent.genotype, rng);
    },
    tell(observation) {
      told.push(observation);
      // The trials of the batch under way are told but not yet born.
      if (told.length > populationSize + batch) told.shift();
    },
  };
}
