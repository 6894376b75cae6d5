import { zooArch } from "../arch/zoo.ts";
import type { LatencyDevice } from "../device/device.ts";
import type { Task } from "../space/arch.ts";
import type { LatencyRecord } from "../store/store.ts";
import { candidateOf, deviceModel, type Candidate } from "./candidate.ts";

/** MobileNetV2 at a width, with the latency it has on the device. */
export interface Reference {
  readonly name: string;
  readonly candidate: Candidate;
  readonly latency: LatencyRecord;
}

/** Width multipliers from 0.1 to 2 in steps of 0.05. */
const widths = Array.from({ length: 39 }, (_, i) => Number((0.1 + 0.05 * i).toFixed(2)));

/**
 * Finds the width at which MobileNetV2 takes as long as a network of the search: by bisection, since latency grows with
 * width, then the nearer of the two neighbours. Measurements are kept for the next call.
 */
export function referenceFinder(device: LatencyDevice, task: Task): (latencyMs: number) => Promise<Reference> {
  const known = new Map<number, Reference>();
  const at = async (width: number): Promise<Reference> => {
    const found = known.get(width);
    if (found !== undefined) return found;
    const candidate = candidateOf(zooArch("mobilenet-v2", { width, task, scaleHead: true }));
    // Rounding gives some widths the same network.
    const twin = [...known.values()].find(({ candidate: { notation } }) => notation === candidate.notation);
    const latency = twin?.latency ?? { ...(await device.measure(deviceModel(candidate))) };
    const reference = { name: `mobilenet-v2 ×${width}`, candidate, latency };
    known.set(width, twin ?? reference);
    return twin ?? reference;
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
