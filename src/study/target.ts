import type { Target } from "../store/facts.ts";
import { median } from "../device/statistics.ts";
import type { MnasError } from "../errors.ts";
import { archOf } from "../space/arch.ts";
import { sample } from "../space/space.ts";
import { createRng } from "../util/rng.ts";
import { networkOf } from "../arch/network.ts";
import { deviceModel } from "../device/model.ts";
import { taskOf } from "../data/task.ts";
import { isUnfit } from "./measure.ts";
import type { Study } from "./study.ts";
import { measureInStudy } from "./steady.ts";

/** How many random networks tell what is usual in a space. */
const samples = 9;

/**
 * The target latency: the user's, or half the median of random networks of the space on the device; for a whole front,
 * the slowest of them. Kept with the study, since a continued search must not measure another.
 */
export async function findTarget(study: Omit<Study, "targetMs">): Promise<Target> {
  const { store, config } = study;
  const kept = store.get("target");
  if (kept !== null) return kept;
  let target: Target;
  if (config.target === null) {
    const { result: times } = await measureInStudy(study, () => randomTimes(study));
    const of = `${times.length} random networks of ${config.space.name}`;
    target =
      config.objective === "front"
        ? { targetMs: Math.max(...times), source: `the slowest of ${of}` }
        : { targetMs: median(times) / 2, source: `half the median of ${of}` };
  } else {
    target = { targetMs: config.target, source: "given" };
  }
  store.set("target", target);
  return target;
}

/** Milliseconds of random networks of the space. */
async function randomTimes({ config, dataset, device, signal }: Omit<Study, "targetMs">): Promise<number[]> {
  const rng = createRng(config.seed).fork("target");
  const times: number[] = [];
  let failure: MnasError | null = null;
  for (let i = 0; times.length < samples && i < 2 * samples; i++) {
    const arch = archOf(config.space, sample(config.space, rng.fork(i)), taskOf(dataset));
    try {
      times.push((await device.measure(deviceModel(networkOf(arch)), { signal })).medianMs);
    } catch (error) {
      if (!isUnfit(error)) throw error;
      failure = error;
    }
  }
  if (times.length === 0) throw failure!;
  return times;
}
