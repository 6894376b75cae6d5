import type { CanaryReference } from "../store/facts.ts";
import { isDrift, measureSteadily, type Steady } from "../device/canary.ts";
import type { Study } from "./study.ts";

/** Measures a batch of networks of a study on a device that stays as it is, and says when it is no longer as it was. */
export async function measureInStudy<T>(
  {
    store,
    config,
    device,
    signal,
    emit,
    pause,
  }: Pick<Study, "store" | "config" | "device" | "signal" | "emit" | "pause">,
  batch: () => Promise<T>,
): Promise<Steady<T>> {
  const steady = await measureSteadily(device, batch, {
    signal,
    isSustained: config.sustained,
    ...(pause && { pause }),
  });
  const { canary } = steady;
  if (canary === null) return steady;
  const first = store.get("canary");
  if (first === null) {
    store.set("canary", { network: canary.network, ms: canary.beforeMs } satisfies CanaryReference);
  } else if (isDrift(canary.beforeMs, first.ms)) {
    const share = canary.beforeMs / first.ms - 1;
    const speed = `${(100 * Math.abs(share)).toFixed(0)} % ${share > 0 ? "slower" : "faster"}`;
    const message = `the device is ${speed} than when the search began; latencies of then and now differ by as much`;
    emit({ event: "warning", message, subject: speed });
  }
  return steady;
}
