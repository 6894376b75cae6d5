import type { LatencyRecord } from "../latency.ts";
import { zooArch } from "../arch/zoo.ts";
import type { LatencyDevice } from "../device/device.ts";
import type { Task } from "../space/arch.ts";
import type { Store } from "../store/store.ts";
import { networkOf, type Network } from "../arch/network.ts";
import { deviceModel } from "../device/model.ts";
import { isUnmeasured } from "./measure.ts";

/** MobileNetV2 at a width, with the latency it has on the device. */
export interface Reference {
  readonly name: string;
  readonly candidate: Network;
  readonly latency: LatencyRecord;
}

/** Width multipliers from 0.1 to 2 in steps of 0.05. */
const widths = Array.from({ length: 39 }, (_, i) => Number((0.1 + 0.05 * i).toFixed(2)));

/**
 * Finds the width at which MobileNetV2 takes as long as a network of the search: by bisection, since latency grows with
 * width, then the nearer of the two neighbours. Measurements are kept in the store, for the next call and the next life
 * of the search.
 */
export function referenceFinder(
  store: Store,
  device: LatencyDevice,
  task: Task,
  signal: AbortSignal,
): (latencyMs: number) => Promise<Reference> {
  const names = new Map<string, string>();
  const measured = async (candidate: Network): Promise<LatencyRecord> => {
    const known = store.get("references") ?? {};
    const found = known[candidate.notation];
    if (found !== undefined && !isUnmeasured(device, found)) return found;
    const latency = { ...(await device.measure(deviceModel(candidate), { signal })) };
    store.set("references", { ...known, [candidate.notation]: latency });
    return latency;
  };
  const at = async (width: number): Promise<Reference> => {
    const candidate = networkOf(zooArch("mobilenet-v2", { width, task, scaleHead: true }));
    const latency = await measured(candidate);
    // Rounding gives some widths the same network; the first that is seen names it.
    const name = names.get(candidate.notation) ?? `mobilenet-v2 ×${width}`;
    names.set(candidate.notation, name);
    return { name, candidate, latency };
  };

  return async (latencyMs) => {
    let low = 0;
    let high = widths.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((await at(widths[middle]!)).latency.medianMs <= latencyMs) low = middle;
      else high = middle;
    }
    const [a, b] = [await at(widths[low]!), await at(widths[high]!)];
    const distance = ({ latency: { medianMs } }: Reference): number => Math.abs(medianMs - latencyMs);
    return distance(b) < distance(a) ? b : a;
  };
}
