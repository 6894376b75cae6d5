import type { Graph } from "../src/graph/graph.ts";
import type { ActivationFunction, Node, NodeOf, OpName, PerInput } from "../src/graph/node.ts";
import { samePadding } from "../src/graph/ops.ts";
import type { Weights } from "../src/graph/weights.ts";

/** One image's value, NHWC. */
type Value = Float64Array;

const activate: Record<ActivationFunction, (x: number) => number> = {
  relu: (x) => Math.max(0, x),
  relu6: (x) => Math.min(6, Math.max(0, x)),
  hswish: (x) => (x * Math.min(6, Math.max(0, x + 3))) / 6,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};

/** Calls `visit` for each pair of an output pixel and a pixel inside the image that its window covers. */
function eachTap(
  node: Extract<Node, { attrs: { stride: number } }>,
  visit: (output: number, input: number, tap: number) => void,
): void {
  const [height, width] = node.inputs[0].shape;
  const { kernel, stride } = node.attrs;
  const top = samePadding(height, kernel, stride).before;
  const left = samePadding(width, kernel, stride).before;
  for (let y = 0; y < node.shape[0]; y++) {
    for (let x = 0; x < node.shape[1]; x++) {
      for (let tap = 0; tap < kernel * kernel; tap++) {
        const row = y * stride - top + Math.floor(tap / kernel);
        const column = x * stride - left + (tap % kernel);
        if (row < 0 || row >= height || column < 0 || column >= width) continue;
        visit(y * node.shape[1] + x, row * width + column, tap);
      }
    }
  }
}

type Weight = (part: string) => Float32Array;

const sizeOf = ({ shape: [height, width, channels] }: Node): number => height * width * channels;

/** Each op by its definition, given the values of its inputs. */
const evaluate: {
  readonly [Name in OpName]: (node: NodeOf<Name>, inputs: PerInput<Name, Value>, weight: Weight) => Value;
} = {
  Input: () => {
    throw new Error("the caller gives the input");
  },
  Conv: (node, [x], weight) => {
    const out = new Float64Array(sizeOf(node));
    const filters = weight("weight");
    const [channels, depth] = [node.shape[2], node.inputs[0].shape[2]];
    eachTap(node, (to, from, tap) => {
      for (let i = 0; i < depth; i++) {
        for (let c = 0; c < channels; c++) {
          out[to * channels + c]! += x[from * depth + i]! * filters[(tap * depth + i) * channels + c]!;
        }
      }
    });
    return node.attrs.bias ? out.map((value, i) => value + weight("bias")[i % channels]!) : out;
  },
  DepthwiseConv: (node, [x], weight) => {
    const out = new Float64Array(sizeOf(node));
    const filters = weight("weight");
    const channels = node.shape[2];
    eachTap(node, (to, from, tap) => {
      for (let c = 0; c < channels; c++)
        out[to * channels + c]! += x[from * channels + c]! * filters[tap * channels + c]!;
    });
    return out;
  },
  BatchNorm: ({ shape: [, , channels], attrs: { epsilon } }, [x], weight) => {
    const [gamma, beta, mean, variance] = ["gamma", "beta", "mean", "variance"].map(weight);
    const normalise = (value: number, c: number): number =>
      ((value - mean![c]!) / Math.sqrt(variance![c]! + epsilon)) * gamma![c]! + beta![c]!;
    return x.map((value, i) => normalise(value, i % channels));
  },
  Activation: ({ attrs }, [x]) => x.map(activate[attrs.function]),
  Scale: (_, [x, gate]) => x.map((value, i) => value * gate[i % gate.length]!),
  Add: (_, [a, b]) => a.map((value, i) => value + b[i]!),
  AvgPool: (node, [x]) => {
    const channels = node.shape[2];
    const out = new Float64Array(sizeOf(node));
    const count = new Float64Array(out.length / channels);
    eachTap(node, (to, from) => {
      count[to]! += 1;
      for (let c = 0; c < channels; c++) out[to * channels + c]! += x[from * channels + c]!;
    });
    return out.map((sum, i) => sum / count[Math.floor(i / channels)]!);
  },
  MaxPool: (node, [x]) => {
    const channels = node.shape[2];
    const out = new Float64Array(sizeOf(node)).fill(-Infinity);
    eachTap(node, (to, from) => {
      for (let i = to * channels, j = from * channels; i < (to + 1) * channels; i++, j++)
        out[i] = Math.max(out[i]!, x[j]!);
    });
    return out;
  },
  FitChannels: (node, [x]) => {
    const [channels, depth] = [node.shape[2], node.inputs[0].shape[2]];
    const at = (pixel: number, c: number): number => (c < depth ? x[pixel * depth + c]! : 0);
    return new Float64Array(sizeOf(node)).map((_, i) => at(Math.floor(i / channels), i % channels));
  },
  GlobalAvgPool: (node, [x]) => {
    const out = new Float64Array(sizeOf(node));
    x.forEach((value, i) => (out[i % out.length]! += value));
    return out.map((sum) => (sum * out.length) / x.length);
  },
  Dropout: (_, [x]) => x,
  Dense: (node, [x], weight) =>
    new Float64Array(sizeOf(node)).map((_, unit, { length }) =>
      x.reduce((sum, value, i) => sum + value * weight("weight")[i * length + unit]!, weight("bias")[unit]!),
    ),
};

/** What a graph computes at inference, straight from the definition of each op: slow, float64, NHWC, one image. */
export function interpret(graph: Graph, weights: Weights, image: Float64Array): Float64Array {
  const values = new Map<Node, Value>([[graph.input, image]]);
  const compute = evaluate as unknown as Record<
    OpName,
    (node: Node, inputs: readonly Value[], weight: Weight) => Value
  >;
  for (const node of graph.nodes) {
    if (node === graph.input) continue;
    const inputs = node.inputs.map((input: Node) => values.get(input)!);
    values.set(
      node,
      compute[node.op](node, inputs, (part) => weights.get(`${node.name}.${part}`)!),
    );
  }
  return values.get(graph.output)!;
}
