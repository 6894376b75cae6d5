import fc from "fast-check";
import { graphOf, type Graph } from "../src/graph/graph.ts";
import type { Node } from "../src/graph/node.ts";
import { apply } from "../src/graph/ops.ts";

const activations = ["relu", "relu6", "hswish"] as const;

/** One step of building a network from the values there are; `pick` numbers choose among those that fit. */
const step = fc.record({
  op: fc.constantFrom(
    "conv",
    "pointwise",
    "biased",
    "depthwise",
    "expand",
    "norm",
    "relu",
    "relu6",
    "hswish",
    "sigmoid",
    "excite",
    "project",
    "add",
    "average",
    "max",
    "fit",
    "dropout",
  ),
  from: fc.nat({ max: 3 }),
  channels: fc.integer({ min: 1, max: 19 }),
  kernel: fc.constantFrom(1, 3, 5, 7),
  stride: fc.constantFrom(1, 1, 2),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function extend(nodes: readonly Node[], { op, from, channels, kernel, stride }: Step, i: number): Node {
  const x = nodes[Math.max(0, nodes.length - 1 - from)]!;
  const name = `n${i}`;
  const f = (g: "relu" | "relu6" | "hswish" | "sigmoid"): Node => apply("Activation", name, [x], { function: g });
  switch (op) {
    case "conv":
      return apply("Conv", name, [x], { filters: channels, kernel, stride, bias: false });
    case "pointwise":
    case "biased":
      return apply("Conv", name, [x], { filters: channels, kernel: 1, stride: 1, bias: op === "biased" });
    case "depthwise":
      return apply("DepthwiseConv", name, [x], { kernel, stride });
    case "expand": {
      // What the engine goes back through at once.
      const wide = apply("Conv", `${name}.wide`, [x], { filters: 6 * x.shape[2], kernel: 1, stride: 1, bias: false });
      const norm = apply("BatchNorm", `${name}.norm`, [wide], { epsilon: 1e-3, momentum: 0.9 });
      const shown = apply("Activation", `${name}.act`, [norm], { function: activations[channels % 3]! });
      return apply("DepthwiseConv", name, [channels > 15 ? norm : shown], { kernel, stride });
    }
    case "norm":
      return apply("BatchNorm", name, [x], { epsilon: 1e-3, momentum: 0.9 });
    case "relu":
    case "relu6":
    case "hswish":
    case "sigmoid":
      return f(op);
    case "excite":
    case "project": {
      // What is gated need not be what the gate is made of.
      const other = kernel > 3 ? nodes[channels % nodes.length]! : x;
      const norm = apply("BatchNorm", `${name}.norm`, [x], { epsilon: 1e-3, momentum: 0.9 });
      const shown = apply("Activation", `${name}.act`, [norm], { function: activations[channels % 3]! });
      const gated = op === "project" ? shown : x;
      const mean = apply("GlobalAvgPool", `${name}.mean`, [other === x ? gated : other], {});
      const gate = apply("Conv", `${name}.gate`, [mean], { filters: x.shape[2], kernel: 1, stride: 1, bias: true });
      const sigmoid = apply("Activation", `${name}.sigmoid`, [gate], { function: "sigmoid" });
      if (op === "excite") return apply("Scale", name, [gated, sigmoid], {});
      // What the engine goes back through at once.
      const scaled = apply("Scale", `${name}.scaled`, [gated, sigmoid], {});
      return apply("Conv", name, [scaled], { filters: channels, kernel: 1, stride: 1, bias: false });
    }
    case "add": {
      const equal = nodes.filter((node) => node.shape.join() === x.shape.join());
      return apply("Add", name, [x, equal[channels % equal.length]!], {});
    }
    case "average":
      return apply("AvgPool", name, [x], { kernel: 3, stride });
    case "max":
      return apply("MaxPool", name, [x], { kernel: 3, stride });
    case "fit":
      return apply("FitChannels", name, [x], { channels });
    case "dropout":
      return apply("Dropout", name, [x], { rate: 0.3 });
  }
}

/** Networks of all ops in any order, with values that several nodes use. */
export const randomNetwork: fc.Arbitrary<Graph> = fc
  .record({
    shape: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }), fc.constantFrom(1, 3, 8, 10)),
    steps: fc.array(step, { minLength: 1, maxLength: 9 }),
    classes: fc.integer({ min: 2, max: 11 }),
  })
  .map(({ shape, steps, classes }) => {
    const nodes: Node[] = [apply("Input", "image", [], { shape })];
    steps.forEach((each, i) => nodes.push(extend(nodes, each, i)));
    const mean = apply("GlobalAvgPool", "mean", [nodes.at(-1)!], {});
    return graphOf(apply("Dense", "logits", [mean], { units: classes }));
  });
