import type { Warning } from "../device/options.ts";
import type { Trial, TrialKey } from "../store/store.ts";
import { trialRow } from "./events.ts";
import { finalTraining } from "./final-row.ts";
import type { Study } from "./study.ts";

/** A trial of a run as `mnas show` takes it, a baseline by its own name. */
export const nameOf = ({ dir }: Pick<Study["run"], "dir">, { phase, number, source, reference }: Trial): string =>
  reference ?? `${dir}#${phase === "final" ? source : number}`;

/** Why a trial failed. Errors of devices and trainers name its network in full. */
export function failureOf(run: Pick<Study["run"], "dir">, trial: Trial): Warning {
  const subject = nameOf(run, trial);
  const seed = trial.phase === "final" ? `, seed ${trial.seed},` : "";
  const reason = (trial.reason ?? "").replaceAll(trial.notation, subject);
  return { event: "warning", message: `${subject}${seed} failed: ${reason}`, subject };
}

/** A worker that ended before its trial; the message begins with its name. */
export function deathOf(message: string): Warning {
  const [subject = ""] = /^worker \S+/.exec(message) ?? [];
  return { event: "warning", message, subject };
}

/** Tells that a trial ended, and why when it failed. */
export function emitEnded({ run, store, emit }: Pick<Study, "run" | "store" | "emit">, key: TrialKey): void {
  const trial = store.trial(key)!;
  const { phase, reference, source } = trial;
  const isFinal = phase === "final";
  const network = reference ?? `trial ${source}`;
  if (trial.state === "failed") emit(failureOf(run, trial));
  if (isFinal) emit({ event: "final", name: network, isReference: reference !== null, training: finalTraining(trial) });
  else emit({ event: "trial", trial: trialRow(store, trial) });
}
