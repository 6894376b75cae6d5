import type { ActivationFunction, Node, NodeOf, OpName } from "../graph/node.ts";
import { affineOf, foldedOf, outputsFirst, type Folding } from "./folding.ts";
import { activations, paddings, type operators, type OptionsName, type Table } from "./tflite-schema.ts";

export type OperatorName = keyof typeof operators;

/** Kind and content of an operator's options. */
export type Options = {
  [Name in OptionsName]: readonly [name: Name, options: Table<Name>];
}[OptionsName];

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
  /** Filters, with the outputs at dimension `axis`, and bias of a node, as operands. */
  readonly weights: (
    node: Node,
    filters: { readonly dims: readonly number[]; readonly axis: number; readonly values: Float32Array },
    bias: Float32Array,
  ) => readonly [filters: number, bias: number];
  readonly isOutput: (node: Node) => boolean;
}

/** An operator may compute the activation behind it, when nothing else reads what comes before. */
const fused: Partial<Record<ActivationFunction, number>> = { relu: activations.relu, relu6: activations.relu6 };

/** The nodes whose work an operator for `node` does, and the activation among them. */
function tailOf(node: Node, { normOf, readerOf }: Folding): { nodes: Node[]; activation: number } {
  const norm = normOf(node);
  const nodes = norm === undefined ? [node] : [node, norm];
  const reader = readerOf(nodes.at(-1)!);
  const activation = reader?.op === "Activation" ? fused[reader.attrs.function] : undefined;
  if (activation === undefined) return { nodes, activation: activations.none };
  return { nodes: [...nodes, reader!], activation };
}

const strides = (stride: number) => ({ padding: paddings.same, strideWidth: stride, strideHeight: stride });

function convolve(
  node: Node,
  { kernel, stride }: { kernel: number; stride: number },
  { filters, bias }: { filters: Float32Array; bias: Float32Array | null },
  context: Context,
): number {
  const { nodes, activation } = tailOf(node, context);
  const [, , outputs] = node.shape;
  const dims = [outputs, kernel, kernel, filters.length / kernel ** 2 / outputs];
  const values = outputsFirst(filters, kernel ** 2, outputs, "area in");
  const operands = context.weights(node, { dims, axis: 0, values }, bias ?? new Float32Array(outputs));
  return context.emit(
    "CONV_2D",
    nodes,
    [context.of(node.inputs[0]!), ...operands],
    ["ConvOptions", { ...strides(stride), activation }],
  );
}

/** Each channel by its own filter; `filters` are [area, channels], as TFLite has them. */
function convolveChannels(
  node: Node,
  { kernel, stride }: { kernel: number; stride: number },
  { filters, bias }: { filters: Float32Array; bias: Float32Array | null },
  context: Context,
): number {
  const { nodes, activation } = tailOf(node, context);
  const [, , channels] = node.shape;
  const dims = [1, kernel, kernel, channels];
  const operands = context.weights(node, { dims, axis: 3, values: filters }, bias ?? new Float32Array(channels));
  return context.emit(
    "DEPTHWISE_CONV_2D",
    nodes,
    [context.of(node.inputs[0]!), ...operands],
    ["DepthwiseConvOptions", { ...strides(stride), multiplier: 1, activation }],
  );
}

function pool(operator: OperatorName, node: NodeOf<"AvgPool"> | NodeOf<"MaxPool">, context: Context): number {
  const { kernel, stride } = node.attrs;
  const { nodes, activation } = tailOf(node, context);
  return context.emit(
    operator,
    nodes,
    [context.of(node.inputs[0])],
    ["PoolOptions", { ...strides(stride), filterWidth: kernel, filterHeight: kernel, activation }],
  );
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
  const values = outputsFirst(filters, 1, attrs.units, "area in");
  const operands = context.weights(node, { dims: [attrs.units, inputs[0].shape[2]], axis: -1, values }, bias);
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
  Scale: (node, context) => {
    const { nodes, activation } = tailOf(node, context);
    return context.emit("MUL", nodes, node.inputs.map(context.of), ["MulOptions", { activation }]);
  },
  Add: (node, context) => {
    const { nodes, activation } = tailOf(node, context);
    return context.emit("ADD", nodes, node.inputs.map(context.of), ["AddOptions", { activation }]);
  },
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
