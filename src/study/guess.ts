import { quantile } from "../device/statistics.ts";
import { batchStart } from "../search/searcher.ts";
import type { Trial } from "../store/store.ts";
import type { Study } from "./search.ts";

/** A trial whose training was judged on the way. */
type Judged = Trial & { readonly rungs: readonly number[]; readonly latency: NonNullable<Trial["latency"]> };

/**
 * The trials of earlier batches that were judged on the way, each network once. What a trial has to reach depends on
 * these alone, so neither the number of workers nor an interruption changes it.
 */
export const judgedBefore = ({ store, config }: Study, number: number): Judged[] =>
  store.trials("search").flatMap((trial) => {
    const { rungs, latency, source } = trial;
    const isEarlier = trial.number < batchStart(number, config.batch);
    return !isEarlier || rungs === null || latency === null || source !== null ? [] : [{ ...trial, rungs, latency }];
  });

/** A training that went to its end: its accuracy at a rung, and then. */
export interface Ended {
  readonly atRung: number;
  readonly accuracy: number;
}

/**
 * What a training would end with, at a guess: half-way between the median of how others ended and the one of them that has
 * the rank at the end that it has at the rung. Ranks at a rung are mostly chance, so the rank alone says too much
 * (docs/early-stopping.md).
 *
 * @param others not empty.
 */
export function expectedAccuracy(atRung: number, others: readonly Ended[]): number {
  const rank = others.filter((other) => other.atRung < atRung).length / others.length;
  const accuracies = others.map(({ accuracy }) => accuracy).toSorted((a, b) => a - b);
  return (quantile(accuracies, rank) + quantile(accuracies, 0.5)) / 2;
}

/**
 * The accuracy that a stopped trial would have ended with, at a guess; null for other trials. It is for the searcher
 * alone: what was not trained to its end is not ranked with what was.
 */
export function guessOf(study: Study, trial: Trial): number | null {
  if (trial.state !== "stopped" || trial.rungs === null) return null;
  const rung = trial.rungs.length - 1;
  const others = judgedBefore(study, trial.number).flatMap(({ accuracy, rungs }): Ended[] =>
    accuracy === null || rungs[rung] === undefined ? [] : [{ atRung: rungs[rung], accuracy }],
  );
  return others.length === 0 ? null : expectedAccuracy(trial.rungs[rung]!, others);
}
