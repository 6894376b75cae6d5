import * as fc from "fast-check";
import { graphOf, parametersOf, type Graph } from "../src/graph/graph.ts";
import type { Node, Shape } from "../src/graph/node.ts";
import { apply } from "../src/graph/ops.ts";
import { initWeights, type Weights } from "../src/graph/weights.ts";
import type { ModelMetadata } from "../src/lower/metadata.ts";
import type { Rng } from "../src/util/rng.ts";

export const metadata: ModelMetadata = {
  version: "0.1.0",
  notation: "r1_k3_s11_e1_i32_o16_noskip",
  classes: ["cat", 'a "dog"', "œuf"],
  preprocessing: { mean: [0.5, 0.25, 0.1], deviation: [0.2, 0.3, 0.4], height: 28, width: 32, channels: 3 },
};

/** Initial weights, but with batch-norms and biases as after a training. */
export function trainedWeights(graph: Graph, rng: Rng): Weights {
  const weights = initWeights(graph, rng);
  for (const { name, init } of parametersOf(graph)) {
    if (init.kind !== "constant") continue;
    const spread = name.endsWith(".variance") || name.endsWith(".gamma") ? 0.4 : 0.2;
    const own = rng.fork(`trained ${name}`);
    weights.get(name)!.forEach((value, i, all) => (all[i] = value + spread * (2 * own.next() - 1)));
  }
  return weights;
}

export const input = (shape: Shape): Node => apply("Input", "image", [], { shape });
const norm = (x: Node): Node => apply("BatchNorm", "norm", [x], { epsilon: 1e-3, momentum: 0.99 });
export const conv = (x: Node, attrs: { kernel: number; stride: number; bias?: boolean }): Node =>
  apply("Conv", "conv", [x], { filters: 6, bias: false, ...attrs });
const x = input([9, 12, 5]);
export const pixel = input([1, 1, 7]);

/** A convolution or a pooling of any size. */
export const anyWindow = fc.record({
  op: fc.constantFrom("Conv", "DepthwiseConv", "AvgPool", "MaxPool"),
  height: fc.integer({ min: 1, max: 12 }),
  width: fc.integer({ min: 1, max: 12 }),
  kernel: fc.constantFrom(1, 2, 3, 5, 7),
  stride: fc.constantFrom(1, 2, 3),
});
export type AnyWindow = typeof anyWindow extends fc.Arbitrary<infer W> ? W : never;

export function windowGraph({ op, height, width, ...attrs }: AnyWindow): Graph {
  const image = input([height, width, 3]);
  return graphOf(op === "Conv" ? conv(image, attrs) : apply(op, "window", [image], attrs));
}

/** Small networks, each of one thing. */
export const singleNodes: Record<string, () => Node> = {
  "the input itself": () => x,
  "dropout alone": () => apply("Dropout", "drop", [x], { rate: 0.5 }),
  "batch-norm without a convolution": () => norm(x),
  "convolution, then batch-norm": () => norm(conv(x, { kernel: 3, stride: 2 })),
  "convolution with bias, then batch-norm": () => norm(conv(x, { kernel: 1, stride: 1, bias: true })),
  "convolution read by batch-norm and another": () => {
    const y = conv(x, { kernel: 1, stride: 1 });
    return apply("Add", "sum", [norm(y), y], {});
  },
  "depthwise convolution, then batch-norm": () => norm(apply("DepthwiseConv", "dw", [x], { kernel: 5, stride: 2 })),
  "scale by a gate": () => apply("Scale", "scale", [x, apply("GlobalAvgPool", "mean", [x], {})], {}),
  "more channels": () => apply("FitChannels", "fit", [x], { channels: 8 }),
  "fewer channels": () => apply("FitChannels", "fit", [x], { channels: 3 }),
  "as many channels": () => apply("FitChannels", "fit", [x], { channels: 5 }),
  "global average pooling": () => apply("GlobalAvgPool", "mean", [x], {}),
  "dense as the output": () => apply("Dense", "dense", [pixel], { units: 4 }),
  "dense inside the network": () =>
    apply(
      "Scale",
      "scale",
      [pixel, apply("Dense", "dense", [apply("Dense", "in", [pixel], { units: 3 })], { units: 7 })],
      {},
    ),
  ...Object.fromEntries(
    (["relu", "relu6", "hswish", "sigmoid"] as const).map((f) => [
      `activation ${f}`,
      () =>
        apply("Activation", "f", [apply("BatchNorm", "wide", [x], { epsilon: 1e-4, momentum: 0 })], { function: f }),
    ]),
  ),
};
