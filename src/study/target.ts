import type { Config } from "../config/config.ts";
import type { LatencyDevice } from "../device/device.ts";
import { median } from "../device/statistics.ts";
import type { MnasError } from "../errors.ts";
import { archOf, type Task } from "../space/arch.ts";
import { sample } from "../space/space.ts";
import type { Store } from "../store/store.ts";
import { createRng } from "../util/rng.ts";
import { candidateOf, deviceModel } from "./candidate.ts";
import { isUnfit } from "./measure.ts";

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
    let failure: MnasError | null = null;
    for (let i = 0; times.length < samples && i < 2 * samples; i++) {
      const arch = archOf(config.space, sample(config.space, rng.fork(i)), task);
      try {
        times.push((await device.measure(deviceModel(candidateOf(arch)), { signal })).medianMs);
      } catch (error) {
        if (!isUnfit(error)) throw error;
        failure = error;
      }
    }
    if (times.length === 0) throw failure!;
    target = {
      targetMs: median(times) / 2,
      source: `half the median of ${times.length} random networks of ${config.space.name}`,
    };
  } else {
    target = { targetMs: config.target, source: "given" };
  }
  store.set("target", target);
  return target;
}
