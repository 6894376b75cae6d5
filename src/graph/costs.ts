import type { Graph } from "./graph.ts";
import type { Node, OpName, Shape } from "./node.ts";
import { maddsOf, paramsOf, traitsOf } from "./ops.ts";

/** One layer that does work, with the parameters of the batch-norm behind it. */
export interface LayerCost {
  readonly name: string;
  readonly op: OpName;
  readonly kernel: number | null;
  readonly stride: number | null;
  readonly input: Shape;
  readonly output: Shape;
  readonly params: number;
  readonly madds: number;
}

export interface Costs {
  /** Trainable parameters. */
  readonly params: number;
  /** Multiply-adds of convolutions and dense layers, for one image. */
  readonly madds: number;
  /** Largest sum of values alive at once, float32, batch 1, batch-norm and activations done in place. */
  readonly peakActivationBytes: number;
  readonly layers: readonly LayerCost[];
}

const sizeOf = ({ shape: [h, w, c] }: Node): number => 4 * h * w * c;
const trainable = (node: Node): number =>
  paramsOf(node).reduce((sum, { shape, isTrainable }) => sum + (isTrainable ? shape.reduce((n, d) => n * d, 1) : 0), 0);

function peakBytes(graph: Graph): number {
  const buffer = new Map<Node, Node>();
  const lastUse = new Map<Node, number>();
  graph.nodes.forEach((node, i) => {
    buffer.set(node, traitsOf(node).isInPlace ? buffer.get(node.inputs[0]!)! : node);
    for (const input of [...node.inputs, node]) lastUse.set(buffer.get(input)!, i);
  });
  let live = 0;
  let peak = 0;
  graph.nodes.forEach((node, i) => {
    if (buffer.get(node) === node) live += sizeOf(node);
    peak = Math.max(peak, live);
    for (const input of new Set([node, ...node.inputs].map((value) => buffer.get(value)!))) {
      if (lastUse.get(input) === i) live -= sizeOf(input);
    }
  });
  return peak;
}

/** Parameters, multiply-adds and memory of a network, in all and by layer. */
export function costsOf(graph: Graph): Costs {
  const layers: LayerCost[] = [];
  for (const node of graph.nodes) {
    if (traitsOf(node).isLayer) {
      layers.push({
        name: node.name,
        op: node.op,
        kernel: "kernel" in node.attrs ? node.attrs.kernel : null,
        stride: "stride" in node.attrs ? node.attrs.stride : null,
        input: node.inputs[0]!.shape,
        output: node.shape,
        params: trainable(node),
        madds: maddsOf(node),
      });
    } else if (node.op === "BatchNorm") {
      const before = layers.at(-1)!;
      layers[layers.length - 1] = { ...before, params: before.params + trainable(node) };
    }
  }
  return {
    params: layers.reduce((sum, layer) => sum + layer.params, 0),
    madds: layers.reduce((sum, layer) => sum + layer.madds, 0),
    peakActivationBytes: peakBytes(graph),
    layers,
  };
}
