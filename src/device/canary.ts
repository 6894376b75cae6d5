import type { CanaryRecord } from "../latency.ts";
import type { Latency } from "../latency.ts";
import { setTimeout } from "node:timers/promises";
import { buildGraph } from "../arch/build.ts";
import { zooArch } from "../arch/zoo.ts";
import { MnasError } from "../errors.ts";
import { costsOf } from "../graph/costs.ts";
import { initWeights } from "../graph/weights.ts";
import { toOnnx } from "../lower/onnx.ts";
import { toTflite } from "../lower/tflite.ts";
import { formatArch } from "../space/notation.ts";
import { createRng } from "../util/rng.ts";
import { version } from "../version.ts";
import type { DeviceModel, LatencyDevice, MeasureOptions } from "./device.ts";

/** A canary that changes by more than this share tells of a device that gets hot, or does something else besides. */
const drift = 0.05;
/** How often a batch is measured in all, when the device does not stay as it was. */
const attempts = 3;
/** How long a device may cool down, or finish what it does, before the next attempt. */
const pauseMs = 10_000;
/** Phones throttle within a minute. */
const sustainedMs = 60_000;

export const isDrift = (ms: number, sinceMs: number): boolean => Math.abs(ms / sinceMs - 1) > drift;

const canaryNetwork = "mobilenet-v2 ×0.35, 64×64";

/** A millisecond or a few, long enough to be timed within a percent. */
export function canaryModel(): DeviceModel {
  const task = { height: 64, width: 64, channels: 3, classes: 10 };
  const arch = zooArch("mobilenet-v2", { width: 0.35, task, scaleHead: true });
  const graph = buildGraph(arch);
  const preprocessing = { ...task, mean: [0, 0, 0], deviation: [1, 1, 1] };
  const metadata = { version, notation: formatArch(arch), classes: [], preprocessing };
  const weights = initWeights(graph, createRng("canary"));
  return {
    name: canaryNetwork,
    madds: costsOf(graph).madds,
    graph,
    arch,
    onnx: () => toOnnx(graph, weights, metadata),
    tflite: () => toTflite(graph, weights, metadata),
  };
}

/** Whether numbers of a device are measured, so that they can be disturbed. */
const isMeasured = ({ origin }: Pick<LatencyDevice, "origin">): boolean => origin !== "predicted" && origin !== "proxy";

/**
 * Measures the canary. It is known to run, so a failure is the fault of the device or of its program.
 *
 * @throws MnasError `DEVICE_UNAVAILABLE` when the device cannot run it.
 */
export async function measureCanary(device: LatencyDevice, options: MeasureOptions = {}): Promise<Latency> {
  try {
    return await device.measure(canaryModel(), options);
  } catch (error) {
    if (!(error instanceof MnasError) || error.code !== "MODEL_INVALID") throw error;
    throw new MnasError("DEVICE_UNAVAILABLE", `Cannot use device "${device.name}": ${error.message}`, {
      hint: "That network of mnas is known to run, so the device or the program on it is at fault; try a newer program.",
      cause: error,
    });
  }
}

export interface SteadyOptions {
  readonly signal?: AbortSignal | undefined;
  /** Measure a device that has been under load for a minute: what it does for long, not what it can do once. */
  readonly isSustained?: boolean;
  /** Waits between attempts; for tests. */
  readonly pause?: (ms: number, signal: AbortSignal | undefined) => Promise<void>;
}

/** What a batch gave, with the canary's times around it, and whether they differ too much to trust it. */
export interface Steady<T> {
  readonly result: T;
  /** Null for devices that compute. */
  readonly canary: CanaryRecord | null;
  readonly isUnstable: boolean;
}

const sleep = async (ms: number, signal: AbortSignal | undefined): Promise<void> => {
  await setTimeout(ms, undefined, signal === undefined ? {} : { signal }).catch(() => signal?.throwIfAborted());
};

/** Throws `USAGE` when a device that computes is to be measured under load. */
export function checkSustained(device: LatencyDevice, isSustained: boolean): void {
  if (!isSustained || isMeasured(device)) return;
  throw new MnasError("USAGE", `Cannot put device "${device.name}" under load: it computes, and measures nothing`, {
    hint: "Leave out `sustained`, or measure on a device.",
  });
}

/**
 * Measures a batch of networks between two measurements of the canary, and again while the canary says that the device
 * did not stay as it was. Devices that compute have no canary.
 *
 * @param batch measures all networks; called again after a drift.
 * @returns what the last call gave.
 * @throws MnasError `USAGE` for a device that computes and shall be under load; the reason of `signal` when that aborts.
 */
export async function measureSteadily<T>(
  device: LatencyDevice,
  batch: () => Promise<T>,
  { signal, isSustained = false, pause = sleep }: SteadyOptions = {},
): Promise<Steady<T>> {
  checkSustained(device, isSustained);
  if (!isMeasured(device)) return { result: await batch(), canary: null, isUnstable: false };
  const loadMs = isSustained ? sustainedMs : 0;
  const time = async (load = 0): Promise<number> =>
    (await measureCanary(device, { signal, ...(load > 0 ? { loadMs: load } : {}) })).medianMs;
  for (let attempt = 1; ; attempt++) {
    const beforeMs = await time(loadMs);
    const result = await batch();
    const afterMs = await time();
    const isUnstable = isDrift(afterMs, beforeMs);
    const canary = { network: canaryNetwork, beforeMs, afterMs, loadMs };
    if (!isUnstable || attempt === attempts) return { result, canary, isUnstable };
    // Under load it must not cool down.
    if (!isSustained) await pause(pauseMs, signal);
  }
}
