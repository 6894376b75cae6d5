import type { Latency, Origin } from "../../latency.ts";
import { MnasError } from "../../errors.ts";
import type { DeviceModel, LatencyDevice, MeasureOptions } from "../device.ts";
import { leastRuns } from "../protocol.ts";
import type { RemoteTiming } from "./checks.ts";
import { limits, type Format, type Hello, type JobOptions, type RuntimeOffer } from "./messages.ts";
import { Lost, type Peer } from "./peer.ts";
import { createPlausibility } from "./plausible.ts";
import { createTurns } from "../../util/async.ts";

export interface RemoteOptions {
  readonly name: string;
  readonly origin: Origin;
  /** `id` of the runtime; null for the device's first. */
  readonly runtime: string | null;
  /** A device that is connected, at once or when it has come back. Throws `DEVICE_UNAVAILABLE` when it does not. */
  readonly connect: (signal: AbortSignal, isFirst: boolean) => Promise<Peer>;
  readonly warn: (message: string) => void;
  readonly close: () => Promise<void>;
}

/** How a device measures unless told otherwise: as `host` does. */
const defaults: JobOptions = {
  loadMs: 0,
  warmupMs: 100,
  minMs: 300,
  maxMs: 600,
  minRuns: leastRuns,
  tolerance: 0.01,
  startMs: 120_000,
};
/** A model that a device dies of so often cannot be run there. */
const mostCrashes = 3;
/** Times that cannot be true are asked for again so often: something may have disturbed the device. */
const mostDoubts = 2;
/** A device that is not to be believed so often, or comes and goes so often, is not used. */
const mostMisdeeds = 3;
const mostLosses = 20;

/** A runtime that a device offers. Throws `DEVICE_UNAVAILABLE` naming those there are. */
function offerOf({ runtimes }: Pick<Hello, "runtimes">, id: string | null, device: string): RuntimeOffer {
  const offer = id === null ? runtimes[0] : runtimes.find((each) => each.id === id);
  if (offer !== undefined) return offer;
  throw new MnasError("DEVICE_UNAVAILABLE", `Cannot open device "${device}": it has no runtime ${id}`, {
    hint: `It offers ${runtimes.map((each) => each.id).join(", ")}.`,
  });
}

/** One line for people about what a device is and runs models with. */
export const describe = ({ device, os }: Pick<Hello, "device" | "os">, offer: RuntimeOffer): string => {
  const { runtime, version, provider, threads } = offer;
  return `${device}, ${os}, ${threads} thread${threads === 1 ? "" : "s"}, ${runtime} ${version} ${provider}`;
};

/** The model as the device takes it. Throws `MODEL_INVALID` for one that it cannot be given. */
function bytesOf(model: DeviceModel, format: Format, device: string): Uint8Array {
  const refuse = (why: string, hint?: string): never => {
    const message = `Cannot measure "${model.name}" on ${device}: ${why}`;
    throw new MnasError("MODEL_INVALID", message, hint === undefined ? {} : { hint });
  };
  if (format === "tflite" && model.tflite === null) return refuse("it is no TFLite model");
  if (format === "tflite" && model.isReshaped === true)
    return refuse(
      "the shapes of its inputs are open",
      "Convert it with fixed shapes, or measure it with --device adb.",
    );
  const bytes = format === "onnx" ? model.onnx() : model.tflite!();
  const [mib, most] = [bytes.length, limits.modelBytes].map((size) => Math.ceil(size / 2 ** 20));
  return bytes.length <= limits.modelBytes
    ? bytes
    : refuse(`it takes ${mib} MiB, more than the ${most} that are sent`, "Measure it with --device host.");
}

/** A device that measures elsewhere. One job at a time; a job whose device is lost waits for it to come back. */
export async function openRemote(options: RemoteOptions, signal?: AbortSignal): Promise<LatencyDevice> {
  const { name, origin, runtime, connect, warn, close } = options;
  const plausibility = createPlausibility();
  const closing = new AbortController();
  const until = (other: AbortSignal | undefined): AbortSignal =>
    other === undefined ? closing.signal : AbortSignal.any([other, closing.signal]);
  const inTurn = createTurns();

  const fail = (model: string, why: string): never => {
    throw new MnasError("DEVICE_UNAVAILABLE", `Cannot measure "${model}": ${why}`);
  };

  const measure = async (model: DeviceModel, { signal: stop, ...timing }: MeasureOptions): Promise<Latency> => {
    stop?.throwIfAborted();
    if (closing.signal.aborted) fail(model.name, `device ${name} is closed`);
    const either = until(stop);
    let [losses, crashes, misdeeds, doubts] = [0, 0, 0, 0];
    for (;;) {
      try {
        const peer = await connect(either, false);
        const offer = offerOf(peer.hello, runtime, name);
        const job = { name: model.name, runtime: offer.id, format: offer.format, options: { ...defaults, ...timing } };
        const bytes = bytesOf(model, offer.format, name);
        const { device, os } = peer.hello;
        const isLast = doubts >= mostDoubts;
        const believe = (timing: RemoteTiming): RemoteTiming | null => plausibility.believe(model, timing, isLast);
        const plausible = (timing: RemoteTiming): boolean => !isLast || believe(timing) !== null;
        const done = believe(await peer.run({ job, model: bytes, signal: either, plausible }));
        if (done === null) {
          doubts += 1;
          continue;
        }
        plausibility.learn(model, done);
        const { runtime: of, version: runtimeVersion, provider, threads } = offer;
        const where = { threads, device, runtime: of, runtimeVersion, provider, os };
        return { ...done, ...where, origin, time: new Date().toISOString() };
      } catch (error) {
        if (closing.signal.aborted) return fail(model.name, `device ${name} was closed`);
        if (!(error instanceof Lost)) throw error;
        losses += 1;
        crashes += error.isCrash ? 1 : 0;
        misdeeds += error.isMisbehaviour ? 1 : 0;
        if (misdeeds >= mostMisdeeds) fail(model.name, `device ${name} sends what cannot be true (${error.message})`);
        if (losses >= mostLosses) fail(model.name, `device ${name} was lost ${losses} times (${error.message})`);
        if (crashes >= mostCrashes) {
          const why = `it was lost ${crashes} times while it ran the model (${error.message})`;
          throw new MnasError("MODEL_INVALID", `Cannot measure "${model.name}" on ${name}: ${why}`, { cause: error });
        }
        warn(`${name} was lost while it measured "${model.name}": ${error.message}`);
      }
    }
  };

  let description: string;
  try {
    const { hello } = await connect(until(signal), true);
    description = describe(hello, offerOf(hello, runtime, name));
  } catch (error) {
    await close();
    throw error;
  }
  return {
    name,
    description,
    origin,
    measure: (model, given = {}) => inTurn(() => measure(model, given)),
    [Symbol.asyncDispose]: async () => {
      if (closing.signal.aborted) return;
      closing.abort();
      await close();
    },
  };
}
