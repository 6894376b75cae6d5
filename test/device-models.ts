import { buildGraph } from "../src/arch/build.ts";
import { zooArch } from "../src/arch/zoo.ts";
import type { DeviceModel } from "../src/device/device.ts";
import { costsOf } from "../src/graph/costs.ts";
import { initWeights } from "../src/graph/weights.ts";
import { toOnnx } from "../src/lower/onnx.ts";
import { toTflite } from "../src/lower/tflite.ts";
import { createRng } from "../src/util/rng.ts";

/** A real network, MobileNetV2 at some width, for images of `size` pixels. */
export function networkModel(width: number, size = 28): DeviceModel {
  const task = { height: size, width: size, channels: 1, classes: 10 };
  const graph = buildGraph(zooArch("mobilenet-v2", { width, task, scaleHead: true }));
  const preprocessing = { ...task, mean: [0], deviation: [1] };
  const metadata = { version: "0", notation: "test", classes: [], preprocessing };
  const weights = initWeights(graph, createRng(0));
  return {
    name: `network × ${width}`,
    madds: costsOf(graph).madds,
    graph,
    onnx: () => toOnnx(graph, weights, metadata),
    tflite: () => toTflite(graph, weights, metadata),
  };
}

/** Enough for a test, too little for a search. */
export const brief = { warmupMs: 6, minMs: 30, maxMs: 60 };
