import type { LatencyDevice } from "../device/device.ts";
import { openDevice } from "../device/open.ts";
import { MnasError } from "../errors.ts";
import { parseArch } from "../space/notation.ts";
import type { Trial } from "../store/store.ts";
import { networkOf } from "../arch/network.ts";
import { deviceModel } from "../device/model.ts";
import { isUnfit } from "./measure.ts";
import type { Study } from "./study.ts";

/** A device that says of each network, besides what it measured, what another had predicted. */
function comparing(real: LatencyDevice, predictor: LatencyDevice, emit: Study["emit"]): LatencyDevice {
  let isOther = false;
  return {
    ...real,
    measure: async (model, options) => {
      const latency = await real.measure(model, options);
      try {
        const predicted = await predictor.measure(model, { signal: options?.signal });
        if (predicted.device === latency.device) return { ...latency, predictedMs: predicted.medianMs };
        if (!isOther) {
          const message = `finalists are measured on ${latency.device}, but latencies were predicted for ${predicted.device}`;
          emit({ event: "warning", message });
        }
        isOther = true;
      } catch (error) {
        // References may have layers that a table does not have.
        if (!isUnfit(error)) throw error;
      }
      return latency;
    },
  };
}

/**
 * The device that finals are measured on: where the search predicts, the one whose latencies it predicts, if that can
 * be opened here. Closes with the scope when it was opened here.
 */
export async function openFinalsDevice({ device, listen, signal, emit }: Study): Promise<LatencyDevice> {
  // The search's own device is closed by who opened it.
  const own: LatencyDevice = { ...device, [Symbol.asyncDispose]: async () => {} };
  if (device.predicts === undefined) return own;
  const { device: name } = device.predicts;
  try {
    const real = await openDevice(name, { onNotice: emit, listen, signal });
    emit({ event: "device", name: real.name, description: real.description, origin: real.origin });
    return comparing(real, device, emit);
  } catch (error) {
    if (signal.aborted || !(error instanceof MnasError)) throw error;
    emit({ event: "warning", message: `finalists are not measured, only predicted: ${error.message}` });
    return own;
  }
}

/**
 * What a finalist takes on the device of the finals: what was predicted is not compared with what is measured. Measured
 * once, and kept, since baselines are chosen by it.
 */
export async function finalistLatency(
  { store, device, signal }: Study,
  { notation, latency, latencyMs }: Trial & { readonly latencyMs: number },
): Promise<number> {
  if (latency?.origin === device.origin || device.origin === "predicted") return latencyMs;
  const known = store.get("finalistMs") ?? {};
  const found = known[notation];
  if (found !== undefined) return found;
  const { medianMs } = await device.measure(deviceModel(networkOf(parseArch(notation))), { signal });
  store.set("finalistMs", { ...known, [notation]: medianMs });
  return medianMs;
}
