import type { TrialKey } from "../store/store.ts";
import { trialRow } from "./events.ts";
import { finalTraining } from "./final-row.ts";
import type { Study } from "./search.ts";

/** Tells that a trial ended, and why when it failed. */
export function emitEnded({ store, emit }: Pick<Study, "store" | "emit">, key: TrialKey): void {
  const trial = store.trial(key)!;
  const { phase, reference, source, seed } = trial;
  const isFinal = phase === "final";
  const network = reference ?? `trial ${source}`;
  if (trial.state === "failed") {
    const name = isFinal ? `${network}, seed ${seed},` : `trial ${trial.number}`;
    emit({ event: "warning", message: `${name} failed: ${trial.reason}` });
  }
  if (isFinal) emit({ event: "final", name: network, isReference: reference !== null, training: finalTraining(trial) });
  else emit({ event: "trial", trial: trialRow(trial) });
}
