import type { ActivationFunction, Node, NodeOf, OpName } from "../graph/node.ts";
import { affineOf, foldedOf, tailOf, type Folding } from "./folding.ts";
import { activations, paddings, type operators, type OptionsName, type Table } from "./tflite-schema.ts";

export type OperatorName = keyof typeof operators;

/** Kind and content of an operator's options. */
export type Options = {
  [Name in OptionsName]: readonly [name: Name, options: Table<Name>];
}[OptionsName];

/** Filters as the graph has them, the outputs in their last dimension, and a bias for each output. */
export interface Filters {
  readonly filters: Float32Array;
  readonly bias: Float32Array;
  /** Dimensions in the file. */
  readonly dims: readonly number[];
  /** Where among these the outputs are: last as in the graph, or first. */
  readonly axis: 0 | 3;
  /** Whether each output has a scale of its own when the filters are int8. */
  readonly perOutput: boolean;
}

/** What lowering one node may use. Tensors are known by their numbers. */
export interface Context extends Folding {
  /** The tensor with the value of a node, [1, height, width, channels]. */
  readonly of: (node: Node) => number;
  /** Adds an operator that does the work of some nodes and gives the value of the last; returns its tensor. */
  readonly emit: (
    operator: OperatorName,
    nodes: readonly Node[],
    inputs: readonly number[],
    options?: Options,
  ) => number;
  /** A tensor of constants, which is written once for each name. */
  readonly constant: (name: string, dims: readonly number[], values: Float32Array | Int32Array) => number;
  /** Filters and bias of an operator that does the work of some nodes, as operands. */
  readonly weights: (nodes: readonly Node[], weights: Filters) => readonly [filters: number, bias: number];
  readonly isOutput: (node: Node) => boolean;
}

const strides = (stride: number) => ({ padding: paddings.same, strideWidth: stride, strideHeight: stride });

interface Window {
  readonly kernel: number;
  readonly stride: number;
}
interface Folded {
  readonly filters: Float32Array;
  readonly bias: Float32Array | null;
}

function convolve(node: Node, { kernel, stride }: Window, { filters, bias }: Folded, context: Context): number {
  const { nodes, activation } = tailOf(node, context);
  const [, , outputs] = node.shape;
  const operands = context.weights(nodes, {
    filters,
    bias: bias ?? new Float32Array(outputs),
    dims: [outputs, kernel, kernel, filters.length / kernel ** 2 / outputs],
    axis: 0,
    perOutput: true,
  });
  const options = { ...strides(stride), activation: activations[activation] };
  return context.emit("CONV_2D", nodes, [context.of(node.inputs[0]!), ...operands], ["ConvOptions", options]);
}

/** Each channel by its own filter. */
function convolveChannels(node: Node, { kernel, stride }: Window, { filters, bias }: Folded, context: Context): number {
  const { nodes, activation } = tailOf(node, context);
  const [, , channels] = node.shape;
  const operands = context.weights(nodes, {
    filters,
    bias: bias ?? new Float32Array(channels),
    dims: [1, kernel, kernel, channels],
    axis: 3,
    perOutput: true,
  });
  const options = { ...strides(stride), multiplier: 1, activation: activations[activation] };
  const inputs = [context.of(node.inputs[0]!), ...operands];
  return context.emit("DEPTHWISE_CONV_2D", nodes, inputs, ["DepthwiseConvOptions", options]);
}

function pool(operator: OperatorName, node: NodeOf<"AvgPool"> | NodeOf<"MaxPool">, context: Context): number {
  const { kernel, stride } = node.attrs;
  const options = { ...strides(stride), filterWidth: kernel, filterHeight: kernel, activation: activations.none };
  return context.emit(operator, [node], [context.of(node.inputs[0])], ["PoolOptions", options]);
}

/** Two values, pixel by pixel. */
function combine(operator: "ADD" | "MUL", node: NodeOf<"Add"> | NodeOf<"Scale">, context: Context): number {
  const { nodes, activation } = tailOf(node, context);
  return context.emit(operator, nodes, node.inputs.map(context.of), [
    operator === "ADD" ? "AddOptions" : "MulOptions",
    { activation: activations[activation] },
  ]);
}

const activate: {
  readonly [Name in ActivationFunction]: readonly [operator: OperatorName, options?: Options];
} = {
  relu: ["RELU"],
  relu6: ["RELU6"],
  hswish: ["HARD_SWISH", ["HardSwishOptions", {}]],
  sigmoid: ["LOGISTIC"],
};

/** Appends zero channels or cuts the last ones. */
function fit(node: NodeOf<"FitChannels">, context: Context): number {
  const { name, attrs, shape } = node;
  const [x] = node.inputs;
  const extra = attrs.channels - x.shape[2];
  if (extra === 0) return context.of(x);
  if (extra > 0) {
    const pads = context.constant(`${name}.pads`, [4, 2], Int32Array.of(0, 0, 0, 0, 0, 0, 0, extra));
    return context.emit("PAD", [node], [context.of(x), pads], ["PadOptions", {}]);
  }
  const begin = context.constant("origin", [4], Int32Array.of(0, 0, 0, 0));
  const size = context.constant(`${name}.size`, [4], Int32Array.of(1, ...shape));
  return context.emit("SLICE", [node], [context.of(x), begin, size], ["SliceOptions", {}]);
}

function dense(node: NodeOf<"Dense">, context: Context): number {
  const { inputs, attrs } = node;
  const filters = context.weight(node, "weight");
  const bias = context.weight(node, "bias");
  // Inside a network its result must keep height and width.
  if (!context.isOutput(node)) return convolve(node, { kernel: 1, stride: 1 }, { filters, bias }, context);
  // One scale for all outputs: older runtimes know no other way here.
  const dims = [attrs.units, inputs[0].shape[2]];
  const operands = context.weights([node], { filters, bias, dims, axis: 0, perOutput: false });
  return context.emit("FULLY_CONNECTED", [node], [context.of(inputs[0]), ...operands], ["DenseOptions", {}]);
}

/** How each op is written; the result is the tensor of its value. */
const lower: { readonly [Name in OpName]: (node: NodeOf<Name>, context: Context) => number } = {
  Input: (node, { of }) => of(node),
  Conv: (node, context) => convolve(node, node.attrs, foldedOf(context, node), context),
  DepthwiseConv: (node, context) => convolveChannels(node, node.attrs, foldedOf(context, node), context),
  // Only where it is not behind a convolution.
  BatchNorm: (node, context) => {
    const { scale, shift } = affineOf(context, node);
    const weights = { filters: Float32Array.from(scale), bias: Float32Array.from(shift) };
    return convolveChannels(node, { kernel: 1, stride: 1 }, weights, context);
  },
  Activation: (node, { of, emit }) => {
    const [operator, options] = activate[node.attrs.function];
    return emit(operator, [node], [of(node.inputs[0])], options);
  },
  Scale: (node, context) => combine("MUL", node, context),
  Add: (node, context) => combine("ADD", node, context),
  AvgPool: (node, context) => pool("AVERAGE_POOL_2D", node, context),
  MaxPool: (node, context) => pool("MAX_POOL_2D", node, context),
  FitChannels: fit,
  GlobalAvgPool: (node, { of, emit, constant }) => {
    const pixels = constant("pixels", [2], Int32Array.of(1, 2));
    return emit("MEAN", [node], [of(node.inputs[0]), pixels], ["ReduceOptions", { keepsDims: 1 }]);
  },
  Dropout: ({ inputs: [x] }, { of }) => of(x),
  Dense: dense,
};

/** Writes one node, unless an operator has done its work already. */
export const lowerNode = (node: Node, context: Context): number =>
  (lower[node.op] as (node: Node, context: Context) => number)(node, context);
