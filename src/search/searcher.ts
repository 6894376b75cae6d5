import type { Genotype } from "../space/space.ts";

/** What became of a proposal. */
export interface Observation {
  /** Position of the trial in its study, from 0. */
  readonly number: number;
  readonly genotype: Genotype;
  /** Finite; greater is better. */
  readonly reward: number;
  /** What the reward was made of, for searchers that model it: null when the network was not trained or measured. */
  readonly accuracy?: number | null;
  readonly latencyMs?: number | null;
}

/** What is sought: one network of the highest reward, or the whole front of accuracy against latency. */
export type Objective =
  | {
      readonly kind: "reward";
      readonly rewardOf: (genotype: Genotype, metrics: { accuracy: number; latencyMs: number }) => number;
    }
  | { readonly kind: "front" };

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

export interface Description {
  readonly key: string;
  /** Positive numbers that say how large the network is, such as parameters and multiply-adds. */
  readonly costs: readonly number[];
}

/** What every searcher needs to know. */
export interface SearcherOptions {
  readonly seed: number;
  /** Trials that are asked for together. */
  readonly batch: number;
  /** Without one, the reward alone is known, and sought. */
  readonly objective?: Objective | undefined;
  /** What is known of a network before it is tried; genotypes of one key are one network. */
  readonly describe?: ((genotype: Genotype) => Description) | undefined;
  /** Latency that networks should not exceed; sought first where those tried are too slow to be trained. */
  readonly targetMs?: number | undefined;
}

/** Number of the first trial in the batch of trial `number`: what is told from there on does not count for it. */
export const batchStart = (number: number, batch: number): number => number - (number % batch);
