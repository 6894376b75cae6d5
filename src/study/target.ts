import type { Config } from "../config/config.ts";
import type { LatencyDevice } from "../device/device.ts";
import { median } from "../device/statistics.ts";
import { archOf, type Task } from "../space/arch.ts";
import { sample } from "../space/space.ts";
import type { Store } from "../store/store.ts";
import { createRng } from "../util/rng.ts";
import { candidateOf, deviceModel } from "./candidate.ts";

export interface Target {
  readonly targetMs: number;
  /** Where the number comes from, for people. */
  readonly source: string;
}

/** How many random networks tell what is usual in a space. */
const samples = 9;

/**
 * The target latency: the user's, or half the median of random networks of the space on the device. Kept with the
 * study, since a continued search must not measure another.
 */
export async function findTarget(
  store: Store,
  config: Config,
  device: LatencyDevice,
  task: Task,
  signal: AbortSignal,
): Promise<Target> {
  const kept = store.get("target") as Target | null;
  if (kept !== null) return kept;
  let target: Target;
  if (config.target === null) {
    const rng = createRng(config.seed).fork("target");
    const times: number[] = [];
    for (let i = 0; i < samples; i++) {
      const arch = archOf(config.space, sample(config.space, rng.fork(i)), task);
      times.push((await device.measure(deviceModel(candidateOf(arch)), { signal })).medianMs);
    }
    target = {
      targetMs: median(times) / 2,
      source: `half the median of ${samples} random networks of ${config.space.name}`,
    };
  } else {
    target = { targetMs: config.target, source: "given" };
  }
  store.set("target", target);
  return target;
}
