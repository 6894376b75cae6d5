import { join } from "node:path";
import type { Config } from "../config/config.ts";
import type { LatencyDevice } from "../device/device.ts";
import { openDevice } from "../device/open.ts";
import type { OpenOptions } from "../device/options.ts";
import { MnasError } from "../errors.ts";
import { openEvaluatorDevice } from "../evaluator/device.ts";
import { say } from "./output.ts";

/**
 * The device of a search; `evaluator` is the program that trains. `dir` tells the run folder, which may not be there yet.
 * Throws as `openDevice`, and `CONFIG_INVALID` when there is no such program.
 */
export async function openSearchDevice(
  { device, evaluate }: Config,
  dir: () => string,
  options: OpenOptions,
): Promise<LatencyDevice> {
  if (device !== "evaluator") return openDevice(device, options);
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
