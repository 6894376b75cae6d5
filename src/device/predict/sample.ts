import { MnasError } from "../../errors.ts";
import { archOf, type Arch, type NetworkSpace, type Task } from "../../space/arch.ts";
import { formatArch } from "../../space/notation.ts";
import { sample } from "../../space/space.ts";
import type { Rng } from "../../util/rng.ts";
import { measureSteadily } from "../canary.ts";
import type { DeviceModel, LatencyDevice } from "../device.ts";

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

/** Measures networks, in milliseconds, on a device that stays as it is; says how many of them it did not stay so for. */
export async function measureNetworks(
  device: LatencyDevice,
  models: readonly DeviceModel[],
  { signal, onProgress }: { readonly signal?: AbortSignal; readonly onProgress?: (done: number) => void } = {},
): Promise<{ times: number[]; unstable: number }> {
  const times: number[] = [];
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
    for (const { medianMs, isUnstable } of steady.result) {
      times.push(medianMs);
      if (isUnstable || steady.isUnstable) unstable += 1;
    }
    onProgress?.(times.length);
  }
  return { times, unstable };
}
