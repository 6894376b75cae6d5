import { measureCanary } from "../device/canary.ts";
import { openDevice } from "../device/open.ts";
import { compare, fitBest, leastSpearman } from "../device/predict/fit.ts";
import { builtInPrior, pointOf, pricesOf, readPrior, writePredictor } from "../device/predict/predictor.ts";
import { differentNetworks, measureNetworks } from "../device/predict/sample.ts";
import { checkMeasures, provenanceOf } from "../device/provenance.ts";
import { MnasError } from "../errors.ts";
import { describeTask } from "../space/arch.ts";
import { buildCandidate, deviceModel } from "../study/candidate.ts";
import { createRng } from "../util/rng.ts";
import { shellWord } from "../util/shell.ts";
import { version } from "../version.ts";
import { loadConfig } from "./config-file.ts";
import { interruptible } from "./interrupt.ts";
import { openingOf } from "./notices.ts";
import { checkOut } from "./export.ts";
import { counted, duration, heldOutText, percent, print, printJson, say, table, warn } from "./output.ts";
import { stepsView } from "./steps.ts";
import { originNote } from "./tables.ts";
import { taskFor } from "./task.ts";

export interface FitOptions {
  readonly out: string;
  readonly device?: string;
  readonly listen?: string;
  readonly space?: string;
  readonly samples: number;
  readonly heldOut: number;
  readonly prior?: string;
  readonly data?: string;
  readonly size?: number;
  readonly classes?: number;
  readonly seed?: number;
  readonly config?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** What canaries and repeats take besides the networks alone: on a busy server 45 took 1.6 and 5.6 times as long as the first of them. */
const besides = 2.5;

/** `mnas fit --device D --out predictor.json` */
export async function fit(options: FitOptions): Promise<void> {
  const { out, json = false, force = false } = options;
  checkOut(out, force);
  const prior = options.prior === undefined ? builtInPrior() : readPrior(options.prior);
  const { device: deviceName, space: spaceName, data, seed } = options;
  const config = await loadConfig(options.config, { device: deviceName, space: spaceName, data, seed });
  const { space } = config;
  const task = await taskFor(options, { ...config, size: options.size ?? config.size });
  const networks = differentNetworks(
    space,
    task,
    options.samples + options.heldOut,
    createRng(config.seed).fork("fit"),
  ).map((arch) => deviceModel(buildCandidate(arch)));

  // Before a device is waited for: a prior may lack layers.
  const points = networks.map((network) => pointOf(network, prior));

  const work = async (signal: AbortSignal) => {
    await using device = await openDevice(config.device, openingOf(options, signal));
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
      say(`networks ${options.samples} to fit, ${options.heldOut} to test, in about ${duration(seconds)}`);
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
  const samples = points.map((point, i) => ({ ...point, ms: times[i]! }));
  const fitted = samples.slice(0, options.samples);
  const { model, kinds } = fitBest(fitted, pricesOf(prior));
  const heldOut = compare(model, samples.slice(options.samples));
  writePredictor(out, {
    kind: "latency-predictor",
    version,
    measuredOn,
    time,
    space: space.name,
    task,
    samples: fitted.length,
    heldOut,
    model,
    prior,
  });
  if (json)
    return printJson({
      predictor: out,
      model: model.kind,
      heldOut,
      crossValidated: kinds,
      samples: fitted.length,
      unstable,
    });
  if (unstable > 0) warn(`${counted(unstable, "network")} measured while the device was not stable`);
  print(
    table(
      ["model", "error of cross-validation"],
      kinds.map(({ kind, mape }) => [kind, percent(mape)]),
    ),
  );
  print();
  print(`held out  ${heldOutText(heldOut)}`);
  print(`predictor ${out}`);
  if ((heldOut.spearman ?? -1) >= leastSpearman)
    print(`next      mnas search --device ${shellWord(`predictor:${out}`)}`);
  else
    warn(
      `a rank correlation below ${leastSpearman} is too low for a search; use more --samples, or a table of the device as --prior`,
    );
}
