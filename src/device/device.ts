import type { Graph } from "../graph/graph.ts";
import type { Latency, Origin } from "../latency.ts";
import type { Arch, Task } from "../space/arch.ts";
import type { ModelInput } from "./axes.ts";
import type { HeldOut } from "./predict/fit.ts";
import type { TimingOptions } from "./protocol.ts";

/** A network in the forms a device may want. */
export interface DeviceModel {
  /** For messages: a file, or the notation of an architecture. */
  readonly name: string;
  /** Multiply-adds for one image; null for a model file that we did not make. */
  readonly madds: number | null;
  /** What it computes; null for a model file. */
  readonly graph: Graph | null;
  /** What it was built from; absent for a model file. */
  readonly arch?: Arch;
  /** The inputs of a model file with the shapes to time; absent for a network of ours. */
  readonly inputs?: readonly ModelInput[];
  /** Whether a TFLite file has other shapes by itself, so that the device must set those of `inputs`. */
  readonly isReshaped?: boolean;
  /** An ONNX file that is too large with its weights: without them, and the folder of the files that hold them. */
  readonly large?: { readonly model: () => Uint8Array; readonly folder: string };
  /** The network as an ONNX model. Throws `MODEL_INVALID` when it is a TFLite file. */
  readonly onnx: () => Uint8Array;
  /** The network as a TFLite model; null for an ONNX file. */
  readonly tflite: (() => Uint8Array) | null;
}

/** A record of what is computed, not measured: no runs, no spread, no time. */
export const computedLatency = (
  ms: number,
  where: Pick<Latency, "device" | "os" | "runtime" | "runtimeVersion" | "provider" | "origin">,
): Latency => ({
  medianMs: ms,
  p90Ms: ms,
  lowMs: ms,
  highMs: ms,
  runs: 0,
  warmup: 0,
  overheadMs: 0,
  isUnstable: false,
  threads: 0,
  ...where,
  time: null,
});

export type MeasureOptions = TimingOptions;

/** Something that says how long a network takes. */
export interface LatencyDevice extends AsyncDisposable {
  /** As given to `openDevice`. */
  readonly name: string;
  /** One line for people: "AMD EPYC, 1 thread, ONNX Runtime 1.30.0 CPU". */
  readonly description: string;
  readonly origin: Origin;
  /** Whose latencies this one predicts, of what networks, and how well, if that is known. */
  readonly predicts?: { readonly device: string; readonly task: Task | null; readonly heldOut: HeldOut | null };
  /**
   * Measures one network.
   *
   * @throws MnasError `MODEL_INVALID` when the device cannot run it, `DEVICE_UNAVAILABLE` when the device is closed;
   * the reason of `options.signal` when that aborts.
   */
  measure(model: DeviceModel, options?: MeasureOptions): Promise<Latency>;
}
