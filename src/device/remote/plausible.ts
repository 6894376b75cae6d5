import type { DeviceModel } from "../device.ts";
import { isTold, withCalls, type RemoteTiming } from "./checks.ts";

/** How many times faster or slower than a device was before it cannot be. */
const most = 1000;

/**
 * Holds what a device far away says against the first network it measured, the canary in a search: in proportion to
 * their multiply-adds, where these make a network larger or smaller, no network is a thousand times faster or slower.
 */
export function createPlausibility() {
  let first: { readonly ms: number; readonly madds: number } | null = null;
  /** Whether a median may be true for a network. */
  const allows = ({ madds }: Pick<DeviceModel, "madds">, ms: number): boolean => {
    if (first === null || madds === null) return true;
    const size = madds / first.madds;
    return ms <= most * first.ms * Math.max(1, size) && ms >= (first.ms * Math.min(1, size)) / most;
  };
  return {
    allows,
    /**
     * The times to take for a network; null where these cannot be true. On a busy device the call of nothing may be slowed
     * down and not the network, so that too much is subtracted. When that stays so, the times count with the calls.
     *
     * @param isLast when the device will not be asked again.
     */
    believe(model: Pick<DeviceModel, "madds">, timing: RemoteTiming, isLast: boolean): RemoteTiming | null {
      if (isTold(timing) && allows(model, timing.medianMs)) return timing;
      const whole = withCalls(timing);
      return isLast && timing.overheadMs > 0 && isTold(whole) && allows(model, whole.medianMs) ? whole : null;
    },
    /** Remembers the times of a device's first network, with the calls: these may have been subtracted too much. */
    learn({ madds }: Pick<DeviceModel, "madds">, { medianMs, overheadMs }: RemoteTiming): void {
      if (madds !== null && madds > 0) first ??= { ms: medianMs + overheadMs, madds };
    },
  };
}
