import type { LatencyRecord } from "../latency.ts";
import type { LatencyDevice } from "../device/device.ts";
import { MnasError } from "../errors.ts";
import { parseArch } from "../space/notation.ts";
import type { Trial } from "../store/store.ts";
import { networkOf } from "../arch/network.ts";
import { deviceModel } from "../device/model.ts";
import { emitEnded, nameOf } from "./ended.ts";
import { isUnstable } from "./events.ts";
import type { Study } from "./study.ts";
import { measureInStudy } from "./steady.ts";

/** Whether an error tells of one network, which the device cannot run or nothing could hold. */
export const isUnfit = (error: unknown): error is MnasError =>
  error instanceof MnasError && (error.code === "MODEL_INVALID" || error.code === "ARCH_INVALID");

/** Whether a network is still to be measured: also where it was only predicted, and there is a device now. */
export const isUnmeasured = ({ origin }: LatencyDevice, latency: LatencyRecord | null): boolean =>
  latency === null || (latency.origin === "predicted" && origin !== "predicted");

/** What is known of the trials of a batch, by number; a message where the device cannot run the network. */
type Known = Map<number, LatencyRecord | string>;

async function measure({ device, signal, emit }: Study, trial: Trial, known: Known): Promise<void> {
  signal.throwIfAborted();
  const { phase, number, notation } = trial;
  const before = known.get(number);
  if (typeof before === "string") return;
  emit({ event: "measuring", phase, number, notation });
  try {
    const latency: LatencyRecord = {
      ...(await device.measure(deviceModel(networkOf(parseArch(notation))), { signal })),
    };
    // Whatever disturbs a measurement makes it longer.
    const isWorse = before !== undefined && isUnstable(latency) && before.medianMs <= latency.medianMs;
    if (!isWorse) known.set(number, latency);
  } catch (error) {
    if (!isUnfit(error)) throw error;
    known.set(number, error.message);
  }
}

/** Measures networks one after the other, then once more those during which the device was disturbed. */
async function measureAll(study: Study, trials: readonly Trial[]): Promise<Known> {
  const known: Known = new Map();
  for (const trial of trials) await measure(study, trial, known);
  for (const trial of trials) {
    const latency = known.get(trial.number);
    if (typeof latency === "object" && isUnstable(latency)) await measure(study, trial, known);
  }
  return known;
}

/**
 * Measures the trials that are not measured yet, or fails those that the device cannot run. Nothing is recorded before the
 * device was seen to be stable all the while; what is not, after some attempts, is marked.
 */
export async function measureTrials(study: Study, trials: readonly Trial[]): Promise<void> {
  const { run, store, device, emit } = study;
  const waiting = trials.filter(({ latency }) => isUnmeasured(device, latency));
  if (waiting.length === 0) return;
  const { result, canary, isUnstable: isDrifting } = await measureInStudy(study, () => measureAll(study, waiting));
  const unstable: string[] = [];
  for (const trial of waiting) {
    const latency = result.get(trial.number)!;
    if (typeof latency === "string") {
      store.reject(trial, latency);
      emitEnded(study, trial);
      continue;
    }
    const record = { ...latency, isUnstable: isUnstable(latency) || isDrifting, canary };
    store.measured(trial, record);
    if (record.isUnstable) unstable.push(nameOf(run, trial));
  }
  if (unstable.length > 0) {
    const subject = unstable.join(", ");
    const message = `the device was not stable while it measured ${subject}: what is marked may be too high`;
    emit({ event: "warning", message, subject });
  }
}
