import { quantile } from "../device/statistics.ts";
import { batchStart } from "../search/searcher.ts";
import type { Trial } from "../store/store.ts";
import type { Study } from "./study.ts";

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
 * The accuracy that a stopped trial would have ended with, at a guess by the trials until the end of its batch; null for
 * other trials. It is for the searcher alone: what was not trained to its end is not ranked with what was.
 */
export function guessOf({ store, config }: Study, { state, rungs, number }: Trial): number | null {
  if (state !== "stopped" || rungs === null) return null;
  const rung = rungs.length - 1;
  const until = batchStart(number, config.batch) + config.batch;
  const others = store.trials("search").flatMap((other): Ended[] => {
    const atRung = other.rungs?.[rung];
    const { accuracy } = other;
    if (other.number >= until || other.source !== null || accuracy === null || atRung === undefined) return [];
    return [{ atRung, accuracy }];
  });
  return others.length === 0 ? null : expectedAccuracy(rungs[rung]!, others);
}
