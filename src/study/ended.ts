import type { TrialKey } from "../store/store.ts";
import { trialRow } from "./events.ts";
import { finalRow } from "./final-row.ts";
import type { Study } from "./search.ts";

/** Tells that a trial ended, and why when it failed. */
export function emitEnded({ store, dataset, emit }: Pick<Study, "store" | "dataset" | "emit">, key: TrialKey): void {
  const trial = store.trial(key)!;
  const isFinal = trial.phase === "final";
  if (trial.state === "failed") {
    const name = isFinal ? finalRow(trial, dataset.test.count).name : `trial ${trial.number}`;
    emit({ event: "warning", message: `${name} failed: ${trial.reason}` });
  }
  if (isFinal) emit({ event: "final", trial: { ...finalRow(trial, dataset.test.count), model: null } });
  else emit({ event: "trial", trial: trialRow(trial) });
}
