import { paretoFront } from "../reward/pareto.ts";
import type { Genotype, SearchSpace } from "../space/space.ts";
import { createRng } from "../util/rng.ts";
import { neighbours, parentCount } from "./candidates.ts";
import { createRanker } from "./ranker.ts";
import { batchStart, type Observation, type Searcher, type SearcherOptions } from "./searcher.ts";

/**
 * Bayesian optimization: after random trials, networks near the best ones, and random ones, are ranked by a model of all
 * that was tried, and the most promising are tried (the outline of BANANAS, https://arxiv.org/abs/1910.11858, with
 * Gaussian processes). No network is proposed twice.
 */
export function bayesianSearcher(space: SearchSpace, options: SearcherOptions): Searcher {
  const { seed, batch, objective } = options;
  const root = createRng(seed).fork("search");
  const ranker = createRanker(space, options, root.fork("features"));
  let pending: Observation[] = [];
  let drawn: { readonly start: number; readonly genotypes: readonly Genotype[] } | null = null;

  const parents = (): Genotype[] => {
    if (ranker.isBlind) return ranker.fastest(parentCount);
    const byReward = ranker.tried.toSorted((a, b) => b.reward - a.reward || a.number - b.number);
    const best = objective?.kind === "front" ? paretoFront(ranker.tried) : byReward.slice(0, parentCount);
    return best.map(({ genotype }) => genotype);
  };

  const draw = (start: number): Genotype[] => {
    const rng = root.fork(start);
    if (!ranker.isReady) return ranker.random(batch, rng);
    const chosen = ranker.choose(ranker.fresh(neighbours(space, parents(), rng)), batch, rng);
    return [...chosen, ...ranker.random(batch - chosen.length, rng, chosen)];
  };

  return {
    ask(number) {
      const start = batchStart(number, batch);
      if (drawn?.start !== start) {
        for (const observation of pending) if (observation.number < start) ranker.learn(observation);
        pending = pending.filter((observation) => observation.number >= start);
        drawn = { start, genotypes: draw(start) };
      }
      return drawn.genotypes[number - start]!;
    },
    tell(observation) {
      pending.push(observation);
      // Drawn too early, without knowing this.
      if (drawn !== null && observation.number < drawn.start) drawn = null;
    },
  };
}
