import type { Network } from "../arch/network.ts";
import { initWeights, type Weights } from "../graph/weights.ts";
import { modelMetadata } from "../lower/metadata.ts";
import { toOnnx } from "../lower/onnx.ts";
import { toTflite } from "../lower/tflite.ts";
import { createRng } from "../util/rng.ts";
import type { DeviceModel } from "./device.ts";

/** The form in which a device gets a network. Its weights do not change how long it takes, so any will do. */
export function deviceModel({ notation, arch, graph, costs }: Network, weights?: Weights): DeviceModel {
  const { task } = arch;
  const nameless = {
    classes: [],
    mean: Array<number>(task.channels).fill(0),
    deviation: Array<number>(task.channels).fill(1),
  };
  const parts = () =>
    [graph, weights ?? initWeights(graph, createRng("latency")), modelMetadata(notation, nameless, task)] as const;
  return {
    name: notation,
    madds: costs.madds,
    graph,
    arch,
    onnx: () => toOnnx(...parts()),
    tflite: () => toTflite(...parts()),
  };
}
