import { paretoFront } from "../reward/pareto.ts";
import type { Trial } from "../store/store.ts";

/** A trial with everything the front needs. */
export type Measured = Trial & { readonly accuracy: number; readonly latencyMs: number };

/** The trained trials, each network once. */
export function trainedOf(trials: readonly Trial[]): Measured[] {
  const seen = new Set<string>();
  return trials.flatMap((trial) => {
    if (trial.state !== "complete" || trial.accuracy === null || trial.latency === null || seen.has(trial.notation))
      return [];
    seen.add(trial.notation);
    return [{ ...trial, accuracy: trial.accuracy, latencyMs: trial.latency.medianMs }];
  });
}

/** The trained trials that no other beats on both accuracy and latency, fastest first. */
export const frontOf = (trials: readonly Trial[]): Measured[] => paretoFront(trainedOf(trials));

/** Within the target, the trial with the highest reward; else the highest of all; null before any is trained. */
export function bestOf(trials: readonly Trial[], targetMs: number): Measured | null {
  const trained = trainedOf(trials);
  const within = trained.filter(({ latencyMs }) => latencyMs <= targetMs);
  return (within.length > 0 ? within : trained).reduce<Measured | null>(
    (best, trial) => (best === null || (trial.reward ?? -Infinity) > (best.reward ?? -Infinity) ? trial : best),
    null,
  );
}
