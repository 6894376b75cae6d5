import { MnasError } from "../errors.ts";
import { computedLatency, type LatencyDevice } from "./device.ts";

/** Of the order of a phone: MnasNet-A1 has 312 million multiply-adds and takes 78 ms on a Pixel 1 (arXiv 1807.11626). */
const maddsPerMs = 4e6;

/**
 * A proxy, not a measurement: milliseconds = multiply-adds / 4,000,000. The same bits on every machine, so that a
 * search can be repeated exactly, or compared with one that measures.
 */
export function openMadds(): LatencyDevice {
  let isClosed = false;
  return {
    name: "madds",
    description: `multiply-adds / ${maddsPerMs / 1e6} million per ms`,
    origin: "proxy",
    measure: async ({ name, madds }, { signal } = {}) => {
      signal?.throwIfAborted();
      if (isClosed) throw new MnasError("DEVICE_UNAVAILABLE", `Cannot measure "${name}": device madds is closed`);
      if (madds === null) {
        throw new MnasError(
          "MODEL_INVALID",
          `Cannot measure "${name}": the multiply-adds of a model file are not known`,
          {
            hint: "Use --device host.",
          },
        );
      }
      return computedLatency(madds / maddsPerMs, {
        device: "madds",
        runtime: "none",
        runtimeVersion: "1",
        provider: "none",
        os: "any",
        origin: "proxy",
      });
    },
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
    },
  };
}
