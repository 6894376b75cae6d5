import type { TrialKey } from "../store/store.ts";
import { trialRow } from "./events.ts";
import { finalRow } from "./final-row.ts";
import type { Study } from "./search.ts";

/** Tells that a trial ended, and why when it failed. */
export function emitEnded(
  { run, store, dataset, emit }: Pick<Study, "run" | "store" | "dataset" | "emit">,
  key: TrialKey,
): void {
  const trial = store.trial(key)!;
  const isFinal = trial.phase === "final";
  if (trial.state === "failed") {
    const name = isFinal ? finalRow(trial, dataset.test.count, run.dir).name : `trial ${trial.number}`;
    emit({ event: "warning", message: `${name} failed: ${trial.reason}` });
  }
  if (isFinal) emit({ event: "final", trial: { ...finalRow(trial, dataset.test.count, run.dir), model: null } });
  else emit({ event: "trial", trial: trialRow(trial) });
}
