import type { StudyFacts } from "./facts.ts";
import type { LatencyRecord } from "../latency.ts";
import type { Genotype } from "../space/space.ts";

/** Trials of the search, and the long trainings of its finalists and reference networks; each numbered from 0. */
export type Phase = "search" | "final";

/**
 * waiting → running → complete | stopped | failed, or waiting → pruned. A trial whose worker is lost waits again. A waiting trial
 * is offered to workers once it has a latency.
 */
export type TrialState = "waiting" | "running" | "complete" | "stopped" | "pruned" | "failed";

export interface Trial {
  readonly phase: Phase;
  readonly number: number;
  readonly state: TrialState;
  /** Null for reference networks, which are outside the space. */
  readonly genotype: Genotype | null;
  readonly notation: string;
  /** The name of a reference network; null for members of the space. */
  readonly reference: string | null;
  /** Search: the earlier trial whose result this one reuses. Final: the search trial that is trained longer. */
  readonly source: number | null;
  /** Which of the trainings of one network this is, from 0. */
  readonly seed: number;
  /** Epochs of its training, where they are not those of its phase's recipe. */
  readonly epochs: number | null;
  readonly params: number;
  readonly madds: number;
  readonly latency: LatencyRecord | null;
  /** Share of the validation images that are classified correctly, 0..1. */
  readonly accuracy: number | null;
  /** The same of the test images; finals only. */
  readonly testAccuracy: number | null;
  readonly reward: number | null;
  /**
   * Accuracies that must be reached on the way, at each rung so far; null where none is enough. Null before the first. Kept,
   * as `rungs` are, when the trial waits again.
   */
  readonly bars: readonly (number | null)[] | null;
  /** Accuracies that were reached there, as far as the training went; null before the first, and without rungs. */
  readonly rungs: readonly number[] | null;
  /** Why the trial was stopped, pruned or failed. */
  readonly reason: string | null;
  /** How many workers died with this trial. */
  readonly attempts: number;
  /** Seconds of training, for the record; without those that it waited at rungs. */
  readonly seconds: number | null;
}

export type TrialKey = Pick<Trial, "phase" | "number">;

/** What is known of a trial when it is proposed. */
export type Proposal = Pick<Trial, "phase" | "number" | "genotype" | "notation" | "params" | "madds"> &
  Partial<Pick<Trial, "reference" | "source" | "seed" | "epochs">>;

export type FinalProposal = Omit<Proposal, "phase" | "number">;

export interface Claim {
  readonly worker: string;
  /** Now and how long the claim holds unless renewed, in ms since the epoch. */
  readonly now: number;
  readonly leaseMs: number;
}

export interface TrainingResult {
  readonly accuracy: number;
  readonly testAccuracy: number | null;
  readonly seconds: number;
  /** Accuracies at the rungs, if it has any. */
  readonly rungs?: readonly number[];
}

/** A training that ended early. */
export interface Stop {
  readonly rungs: readonly number[];
  readonly seconds: number;
  readonly reason: string;
}

/** Trials of one study, and the queue the workers take them from. Every method is one transaction. */
export interface Store extends Disposable {
  /** Adds waiting trials, all or none. */
  add(proposals: readonly Proposal[]): void;
  /** Records a latency; the trial can now be claimed. */
  measured(key: TrialKey, latency: LatencyRecord): void;
  /** Records the accuracies that a running trial had at its rungs so far; false means that the lease was lost. */
  reached(key: TrialKey, worker: string, rungs: readonly number[]): boolean;
  /** Records what a running trial must have reached at its rungs so far; `Infinity` where nothing is enough. */
  setBars(key: TrialKey, bars: readonly (number | null)[]): void;
  /** Ends a waiting trial untrained. */
  prune(key: TrialKey, reason: string): void;
  /** Fails a waiting trial whose network cannot be measured. */
  reject(key: TrialKey, reason: string): void;
  /** Ends a waiting trial with the result of another of the same phase. */
  reuse(key: TrialKey, from: number): void;
  setReward(key: TrialKey, reward: number): void;
  /** Take the first measured trial that waits or whose lease ran out; null when there is none. */
  claim(claim: Claim): Trial | null;
  /** Extend a lease; false means another worker has the trial now, so stop. */
  renew(key: TrialKey, claim: Claim): boolean;
  /** Whether a trial before this one has not been at a rung, and its worker does not renew its lease any more. */
  isHeldUp(key: TrialKey, rung: number, now: number): boolean;
  /** Record a result; false means the lease was lost and the result is dropped. */
  complete(key: TrialKey, worker: string, result: TrainingResult): boolean;
  /** Record that a training was not worth its end; the same rule as {@link complete}. */
  stop(key: TrialKey, worker: string, stop: Stop): boolean;
  /** Record that a trial cannot be trained; the same rule as {@link complete}. */
  fail(key: TrialKey, worker: string, reason: string): boolean;
  /**
   * Give a worker's trial back. With `isDead` it counts as an attempt, and the third one fails the trial, saying that its
   * `what` died. Null without one.
   */
  release(worker: string, isDead: boolean, what?: "worker" | "evaluator"): Trial | null;
  /** Give all running trials back without counting an attempt; only for a process that owns the study alone. */
  releaseAll(): void;
  trials(phase: Phase): Trial[];
  trial(key: TrialKey): Trial | null;
  /** Makes a trial whose result was lost wait again. */
  retry(key: TrialKey): void;
  /**
   * The long trainings that are wanted, one for each network and seed. What was wanted before keeps its number and its
   * result, the rest of the final phase is removed, and new ones get new numbers.
   */
  replaceFinals(proposals: readonly FinalProposal[]): void;
  /** A value of the study itself, such as its configuration; null when unset. */
  get<Key extends keyof StudyFacts>(key: Key): StudyFacts[Key] | null;
  set<Key extends keyof StudyFacts>(key: Key, value: StudyFacts[Key]): void;
}

/** A trial is given up when this many workers have died with it. */
export const maxAttempts = 3;
