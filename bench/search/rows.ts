import { play, type Goal, type PlayOptions, type Sample } from "../../src/replay/play.ts";
import type { ResultTable } from "../../src/replay/table.ts";
import { evolutionSearcher } from "../../src/search/evolution.ts";
import { createSearcher, searcherNames } from "../../src/search/searchers.ts";
import { frontEvolution } from "./front-evolution.ts";
import { localSearch } from "./local-search.ts";
import { playOptuna } from "./optuna.ts";

/** What is compared: a way to search. */
export interface Row {
  readonly name: string;
  /** Ours hand back the network that is expected to be best; others the one of the highest result. */
  readonly isOurs: boolean;
  readonly needsPython: boolean;
  readonly goals: readonly Goal[];
  /** The samples of each seed. */
  readonly play: (table: ResultTable, order: Order) => Sample[][];
}

export interface Order {
  readonly goal: "accuracy" | "front";
  readonly samples: number;
  readonly seeds: readonly number[];
  readonly python: string | null;
}

/** What is sought by searchers that know rewards alone: for a front, the reward that spreads them over it. */
const wantedIn = (table: ResultTable, goal: Goal): Pick<PlayOptions, "goal" | "reward" | "target"> => {
  const costs = Array.from(table.entries.values(), ({ cost }) => cost).sort((a, b) => a - b);
  return { goal, reward: { kind: "soft" }, target: costs[costs.length >> 1]! };
};

const searched =
  (searcher: PlayOptions["searcher"], batch: number): Row["play"] =>
  (table, { goal, samples, seeds }) =>
    seeds.map((seed) => play(table, { ...wantedIn(table, goal), searcher, samples, batch, seed }));

const both = ["accuracy", "front"] as const;

const ours: readonly Row[] = searcherNames.map((name) => ({
  name,
  isOurs: true,
  needsPython: false,
  goals: both,
  play: searched((space, options) => createSearcher(name, space, options), 8),
}));

const plain = (name: string, goals: Row["goals"], searcher: PlayOptions["searcher"]): Row => ({
  name,
  isOurs: false,
  needsPython: false,
  goals,
  play: searched(searcher, 1),
});

const optuna = (name: string, sampler: string, goals: Row["goals"]): Row => ({
  name,
  isOurs: false,
  needsPython: true,
  goals,
  play: (table, { goal, samples, seeds, python }) =>
    playOptuna(python!, table, { sampler, objectives: goal === "front" ? 2 : 1, samples, seeds }),
});

export const rows: readonly Row[] = [
  ...ours,
  plain("regularized evolution 20/5", ["accuracy"], (space, options) =>
    evolutionSearcher(space, { ...options, populationSize: 20, tournamentSize: 5 }),
  ),
  plain("evolution of the front", ["front"], frontEvolution),
  plain("local search", both, localSearch),
  optuna("Optuna TPE multivariate", "tpe-multivariate", both),
  optuna("Optuna TPE independent", "tpe-independent", both),
  optuna("Optuna NSGA-II", "nsga2", both),
];
