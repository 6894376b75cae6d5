import type { SearchSpace } from "../space/space.ts";
import { bayesianSearcher } from "./bayesian.ts";
import { evolutionSearcher } from "./evolution.ts";
import { ppoSearcher } from "./ppo.ts";
import { randomSearcher } from "./random.ts";
import type { Searcher, SearcherOptions } from "./searcher.ts";

export type { Objective, Searcher, SearcherOptions } from "./searcher.ts";

export const searcherNames = ["bayesian", "ppo", "evolution", "random"] as const;
export type SearcherName = (typeof searcherNames)[number];

/** Every searcher by name. */
const searchers: {
  readonly [Name in SearcherName]: (space: SearchSpace, options: SearcherOptions) => Searcher;
} = {
  bayesian: bayesianSearcher,
  ppo: ppoSearcher,
  evolution: evolutionSearcher,
  random: randomSearcher,
};

/** A searcher with the defaults of its kind. */
export const createSearcher = (name: SearcherName, space: SearchSpace, options: SearcherOptions): Searcher =>
  searchers[name](space, options);
