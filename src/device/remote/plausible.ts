import type { DeviceModel } from "../device.ts";

/** How many times faster or slower than a device was before it cannot be. */
const most = 1000;

/**
 * Holds what a device far away says against the first network it measured, the canary in a search: in proportion to
 * their multiply-adds, where these make a network larger or smaller, no network is a thousand times faster or slower.
 */
export function createPlausibility() {
  let first: { readonly ms: number; readonly madds: number } | null = null;
  return {
    /** Whether a median may be true for a network. */
    allows({ madds }: Pick<DeviceModel, "madds">, ms: number): boolean {
      if (first === null || madds === null) return true;
      const size = madds / first.madds;
      return ms <= most * first.ms * Math.max(1, size) && ms >= (first.ms * Math.min(1, size)) / most;
    },
    /** Remembers what a device took for its first network. */
    learn({ madds }: Pick<DeviceModel, "madds">, ms: number): void {
      if (madds !== null && madds > 0) first ??= { ms, madds };
    },
  };
}
