import { MnasError } from "../errors.ts";
import { parseArch } from "../space/notation.ts";
import type { LatencyRecord, Trial } from "../store/store.ts";
import { candidateOf, deviceModel } from "./candidate.ts";
import { emitEnded } from "./ended.ts";
import { isDisturbed } from "./events.ts";
import type { Study } from "./search.ts";

/** Whether an error tells of one network, which the device cannot run or nothing could hold. */
export const isUnfit = (error: unknown): error is MnasError =>
  error instanceof MnasError && (error.code === "MODEL_INVALID" || error.code === "ARCH_INVALID");

/** Measures a trial, or fails it when the device cannot run its network. */
async function measure(study: Study, trial: Trial): Promise<void> {
  const { store } = study;
  try {
    await record(study, trial);
  } catch (error) {
    if (!isUnfit(error)) throw error;
    store.reject(trial, error.message);
    emitEnded(study, trial);
  }
}

async function record({ store, device, signal, emit }: Study, trial: Trial): Promise<void> {
  signal.throwIfAborted();
  const { phase, number, notation, latency: before } = trial;
  emit({ event: "measuring", phase, number, notation });
  const latency: LatencyRecord = {
    ...(await device.measure(deviceModel(candidateOf(parseArch(notation))), { signal })),
  };
  // A busy machine only ever makes a network slower.
  const isWorse = before !== null && isDisturbed(latency) && before.medianMs <= latency.medianMs;
  store.measured(trial, isWorse ? before : latency);
}

/** Measures trials one after the other, then once more those that were measured while the machine was busy. */
export async function measureTrials(study: Study, trials: readonly Trial[]): Promise<void> {
  const { store, emit } = study;
  const now = (trial: Trial): Trial => store.trial(trial)!;
  for (const trial of trials) if (trial.latency === null) await measure(study, trial);
  for (const trial of trials.map(now)) if (isDisturbed(trial.latency)) await measure(study, trial);
  for (const { phase, number, notation, latency } of trials.map(now)) {
    if (!isDisturbed(latency)) continue;
    const name = phase === "search" ? `trial ${number}` : notation;
    emit({ event: "warning", message: `the machine was busy while ${name} was measured; its latency is too high` });
  }
}
