import { MnasError } from "../../errors.ts";
import { archOf, type Arch, type NetworkSpace, type Task } from "../../space/arch.ts";
import { formatArch } from "../../space/notation.ts";
import { sample } from "../../space/space.ts";
import type { Rng } from "../../util/rng.ts";
import { measureSteadily } from "../canary.ts";
import type { DeviceModel, LatencyDevice } from "../device.ts";
import { pointOf, type Prior } from "./predictor.ts";
import type { Sample } from "./models.ts";

/** Networks that are measured between two looks at the canary. */
const batchSize = 8;

/** So many different random networks of a space. Throws `USAGE` when it does not have as many. */
export function differentNetworks(space: NetworkSpace, task: Task, count: number, rng: Rng): Arch[] {
  const found = new Map<string, Arch>();
  for (let i = 0; found.size < count && i < 100 * count; i++) {
    const arch = archOf(space, sample(space, rng.fork(i)), task);
    found.set(formatArch(arch), arch);
  }
  if (found.size === count) return [...found.values()];
  throw new MnasError(
    "USAGE",
    `Cannot measure ${count} networks of space "${space.name}": it has hardly more than ${found.size}`,
    { hint: "Use fewer --samples and --held-out, or measure them all." },
  );
}

/** Measures networks on a device that stays as it is; says how many of them it did not stay so for. */
export async function measureSamples(
  device: LatencyDevice,
  models: readonly DeviceModel[],
  prior: Prior | null,
  { signal, onProgress }: { readonly signal?: AbortSignal; readonly onProgress: (done: number) => void },
): Promise<{ samples: Sample[]; unstable: number }> {
  // Before anything is measured, since a prior may not have all layers.
  const points = models.map((model) => pointOf(model, prior));
  const samples: Sample[] = [];
  let unstable = 0;
  for (let from = 0; from < models.length; from += batchSize) {
    const batch = models.slice(from, from + batchSize);
    const steady = await measureSteadily(
      device,
      async () => {
        const latencies = [];
        for (const model of batch) latencies.push(await device.measure(model, { signal }));
        return latencies;
      },
      { signal },
    );
    for (const [i, { medianMs, isUnstable }] of steady.result.entries()) {
      samples.push({ ...points[from + i]!, ms: medianMs });
      if (isUnstable || steady.isUnstable) unstable += 1;
    }
    onProgress(samples.length);
  }
  return { samples, unstable };
}
