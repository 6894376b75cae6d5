import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { checkSustained } from "../device/canary.ts";
import type { LatencyDevice } from "../device/device.ts";
import { openDevice } from "../device/open.ts";
import type { OpenOptions } from "../device/options.ts";
import { leastSpearman } from "../device/predict/fit.ts";
import { MnasError } from "../errors.ts";
import { openEvaluatorDevice } from "../evaluator/device.ts";
import { fixed, say } from "./output.ts";

/** A device that predicts must rank networks well enough, or the user must insist. */
async function trusted(device: LatencyDevice, isForced: boolean): Promise<LatencyDevice> {
  const heldOut = device.predicts?.heldOut ?? null;
  if (isForced || heldOut === null || (heldOut.spearman ?? -1) >= leastSpearman) return device;
  await device[Symbol.asyncDispose]();
  throw new MnasError(
    "USAGE",
    `Cannot search with "${device.name}": its rank correlation with measurements is ${fixed(heldOut.spearman, 3)}, must be at least ${leastSpearman}`,
    {
      hint: "Fit it to more samples, or with a table of the device as --prior; profile a table anew when the device does nothing else; or use --force.",
    },
  );
}

/**
 * The device of a search; `evaluator` is the program that trains. `dir` tells the run folder, which may not be there yet.
 * Throws as `openDevice`, and `CONFIG_INVALID` when there is no such program.
 */
export async function openSearchDevice(
  { device, evaluate, sustained }: Config,
  dir: () => string,
  { isForced, ...options }: OpenOptions & { readonly isForced: boolean },
): Promise<LatencyDevice> {
  if (device !== "evaluator") {
    const opened = await openDevice(device, options);
    checkSustained(opened, sustained);
    return trusted(opened, isForced);
  }
  if (evaluate === null) {
    throw new MnasError("CONFIG_INVALID", 'Cannot open device "evaluator": no evaluator is set', {
      hint: "Name the program with --evaluator, or with `evaluate` in the config.",
    });
  }
  return openEvaluatorDevice({
    settings: evaluate,
    log: () => (dir() === "" ? null : join(dir(), "evaluator.log")),
    warn: say,
  });
}
