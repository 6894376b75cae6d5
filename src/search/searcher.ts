import type { Genotype } from "../space/space.ts";

/** What became of a proposal. */
export interface Observation {
  /** Position of the trial in its study, from 0. */
  readonly number: number;
  readonly genotype: Genotype;
  /** Finite; greater is better. */
  readonly reward: number;
}

/**
 * Proposes what to try next.
 *
 * Trials come in batches of `batch`: all of a batch are asked for before any of it is told. Tells come in the order of
 * their numbers; a trial may be left out. `ask(n)` depends only on the seed, `n`, and what was told of the batches before
 * the one of `n`. So a searcher keeps no state that cannot be rebuilt: resuming a study is telling the stored trials
 * again, and how far its last batch had got does not matter.
 */
export interface Searcher {
  ask(number: number): Genotype;
  tell(observation: Observation): void;
}

/** What every searcher needs to know. */
export interface SearcherOptions {
  readonly seed: number;
  /** Trials that are asked for together. */
  readonly batch: number;
}

/** Number of the first trial in the batch of trial `number`: what is told from there on does not count for it. */
export const batchStart = (number: number, batch: number): number => number - (number % batch);
