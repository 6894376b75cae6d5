import { measureCanary } from "../device/canary.ts";
import { openDevice } from "../device/open.ts";
import type { Sample } from "../device/predict/models.ts";
import { pointOf, type Prior, type Predictor } from "../device/predict/predictor.ts";
import { differentNetworks, measureNetworks } from "../device/predict/sample.ts";
import { checkMeasures, provenanceOf } from "../device/provenance.ts";
import { MnasError } from "../errors.ts";
import { describeTask } from "../space/arch.ts";
import { buildNetwork } from "../arch/network.ts";
import { deviceModel } from "../device/model.ts";
import { createRng } from "../util/rng.ts";
import { loadConfig } from "./config-file.ts";
import { interruptible } from "./interrupt.ts";
import { openingOf, type ListenOptions } from "./notices.ts";
import { duration, say } from "./output.ts";
import { stepsView } from "./steps.ts";
import { originNote } from "./tables.ts";
import { taskFor } from "./task.ts";

export interface DeviceFitOptions extends ListenOptions {
  readonly device?: string;
  readonly space?: string;
  readonly samples?: number;
  readonly heldOut?: number;
  readonly prior?: string;
  readonly data?: string;
  readonly size?: number;
  readonly classes?: number;
  readonly seed?: number;
  readonly config?: string;
  readonly json?: boolean;
}

/** Networks with their latencies, to fit a predictor to and to test it with, and where they are from. */
export interface FitSamples extends Pick<Predictor, "measuredOn" | "time" | "space" | "task"> {
  readonly fitted: readonly Sample[];
  readonly tested: readonly Sample[];
  /** How many were measured while the device was not stable. */
  readonly unstable: number;
}

/** Canaries and repeats besides the networks: on a busy server 45 took 1.6 and 5.6 times as long as the first of them. */
const besides = 2.5;

/** Measures random networks of a search space on a device. Throws as `openDevice`; `INTERRUPTED` after Ctrl-C. */
export async function measuredSamples(options: DeviceFitOptions, prior: Prior): Promise<FitSamples> {
  const { device: deviceName, space: spaceName, data, seed, json = false, samples = 30, heldOut = 15 } = options;
  const config = await loadConfig(options.config, { device: deviceName, space: spaceName, data, seed });
  const { space } = config;
  const task = await taskFor(options, { ...config, size: options.size ?? config.size });
  const networks = differentNetworks(space, task, samples + heldOut, createRng(config.seed).fork("fit")).map((arch) =>
    deviceModel(buildNetwork(arch)),
  );

  // Before a device is waited for: a prior may lack layers.
  const points = networks.map((network) => pointOf(network, prior));

  const work = async (signal: AbortSignal) => {
    await using device = await openDevice(config.device, openingOf(config.device, options, signal));
    checkMeasures(device);
    const canary = await measureCanary(device, { signal });
    const measuredOn = provenanceOf(device, canary);
    const began = performance.now();
    await device.measure(networks[0]!, { signal });
    const seconds = ((performance.now() - began) / 1000) * besides * networks.length;
    if (!json) {
      say(`device   ${device.description}${originNote(device.origin)}`);
      say(`space    ${space.name}, ${describeTask(task)}`);
      say(`prior    ${options.prior ?? "built in"}, of ${prior.measuredOn.description}`);
      say(`networks ${samples} to fit, ${heldOut} to test, in about ${duration(seconds)}`);
    }
    const view = stepsView(networks.length, 0, false);
    try {
      const measured = await measureNetworks(device, networks, {
        signal,
        onProgress: (done) => void (json || view.show(done)),
      });
      return { measuredOn, time: canary.time, ...measured };
    } finally {
      if (!json) view.end();
    }
  };
  const ended = (): MnasError =>
    new MnasError("INTERRUPTED", "Fit interrupted; nothing was written", {
      hint: "Start again with the same command.",
    });
  const { measuredOn, time, times, unstable } = await interruptible(json, ended, work);
  const all = points.map((point, i) => ({ ...point, ms: times[i]! }));
  return {
    measuredOn,
    time,
    space: space.name,
    task,
    fitted: all.slice(0, samples),
    tested: all.slice(samples),
    unstable,
  };
}
