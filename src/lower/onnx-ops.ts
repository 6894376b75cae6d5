import type { ActivationFunction, Node, NodeOf, OpName, Shape } from "../graph/node.ts";
import { samePadding } from "../graph/ops.ts";
import { foldedOf, outputsFirst, tailOf, type Convolution, type Folding } from "./folding.ts";

export type Attribute = number | string | readonly number[];

/** Filters as the graph has them, the outputs in their last dimension, and a bias for each output. */
export interface Filters {
  readonly filters: Float32Array;
  readonly bias: Float32Array | null;
  /** Dimensions in the file; the outputs are the first where each has a scale of its own. */
  readonly dims: readonly number[];
  /** Whether each output has a scale of its own when the filters are int8. */
  readonly perOutput: boolean;
  readonly order: <T extends Float32Array | Int8Array>(filters: T) => T;
}

/** What lowering one node may use. Names are of ONNX values. */
export interface Context extends Folding {
  /** The value of a node, [batch, channels, height, width]. */
  readonly of: (node: Node) => string;
  /** Adds an operation; returns its output, named `name`. */
  readonly emit: (
    type: string,
    name: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, Attribute>>,
  ) => string;
  readonly float: (name: string, dims: readonly number[], values: Float32Array) => string;
  readonly int64: (name: string, values: readonly number[]) => string;
  /**
   * Whether values go through int8. Then Flatten keeps the classifier in float32 in ONNX Runtime, whose integer product adds
   * pairs in 16 bits on processors without VNNI and cuts what does not fit. Core ML's newer form has no Flatten, and takes no
   * int8 of ours.
   */
  readonly isInt8: boolean;
  /** Filters and bias of an operation with which the work of some nodes begins, as operands. */
  readonly weights: (nodes: readonly Node[], weights: Filters) => readonly string[];
  /** The name of the value that leaves a dense layer, when that is the output. */
  readonly result: (node: Node) => string | null;
}

/** Explicit padding: ONNX has no "same" rule that is defined for pooling with excluded borders. */
function windowOf([height, width]: Shape, { kernel, stride }: { kernel: number; stride: number }) {
  const rows = samePadding(height, kernel, stride);
  const columns = samePadding(width, kernel, stride);
  return {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [rows.before, columns.before, rows.after, columns.after],
  };
}

function convolve(node: Convolution, groups: number, context: Context): string {
  const { name, inputs, attrs, shape } = node;
  const { filters, bias } = foldedOf(context, node);
  const operands = context.weights(tailOf(node, context).nodes, {
    filters,
    bias,
    dims: [shape[2], inputs[0].shape[2] / groups, attrs.kernel, attrs.kernel],
    perOutput: true,
    order: (values) => outputsFirst(values, shape[2], attrs.kernel ** 2),
  });
  const operation = { ...windowOf(inputs[0].shape, attrs), group: groups };
  return context.emit("Conv", name, [context.of(inputs[0]), ...operands], operation);
}

const activate: { readonly [Name in ActivationFunction]: (name: string, x: string, context: Context) => string } = {
  relu: (name, x, { emit }) => emit("Relu", name, [x]),
  relu6: (name, x, { emit, float }) => {
    const bounds = [float("zero", [], Float32Array.of(0)), float("six", [], Float32Array.of(6))];
    return emit("Clip", name, [x, ...bounds]);
  },
  hswish: (name, x, { emit }) => emit("HardSwish", name, [x]),
  sigmoid: (name, x, { emit }) => emit("Sigmoid", name, [x]),
};

/** How each op is written; the result is the name of its value. */
const lower: { readonly [Name in OpName]: (node: NodeOf<Name>, context: Context) => string } = {
  Input: () => "image",
  Conv: (node, context) => convolve(node, 1, context),
  DepthwiseConv: (node, context) => convolve(node, node.shape[2], context),
  BatchNorm: (node, context) => {
    const { name, inputs, attrs, shape } = node;
    if (context.normOf(inputs[0]) === node) return context.of(inputs[0]);
    const parts = ["gamma", "beta", "mean", "variance"].map((part) =>
      context.float(`${name}.${part}`, [shape[2]], context.weight(node, part)),
    );
    return context.emit("BatchNormalization", name, [context.of(inputs[0]), ...parts], { epsilon: attrs.epsilon });
  },
  Activation: ({ name, inputs, attrs }, context) => activate[attrs.function](name, context.of(inputs[0]), context),
  Scale: ({ name, inputs }, { emit, of }) => emit("Mul", name, inputs.map(of)),
  Add: ({ name, inputs }, { emit, of }) => emit("Add", name, inputs.map(of)),
  AvgPool: ({ name, inputs: [x], attrs }, { emit, of }) =>
    emit("AveragePool", name, [of(x)], { ...windowOf(x.shape, attrs), count_include_pad: 0 }),
  MaxPool: ({ name, inputs: [x], attrs }, { emit, of }) => emit("MaxPool", name, [of(x)], windowOf(x.shape, attrs)),
  FitChannels: ({ name, inputs: [x], attrs: { channels } }, { emit, of, int64 }) => {
    const extra = channels - x.shape[2];
    if (extra >= 0) return emit("Pad", name, [of(x), int64(`${name}.pads`, [0, 0, 0, 0, 0, extra, 0, 0])]);
    const range = [int64(`${name}.start`, [0]), int64(`${name}.end`, [channels]), int64("channels", [1])];
    return emit("Slice", name, [of(x), ...range]);
  },
  GlobalAvgPool: ({ name, inputs: [x] }, { emit, of }) => emit("GlobalAveragePool", name, [of(x)]),
  Dropout: ({ inputs: [x] }, { of }) => of(x),
  Dense: (node, context) => {
    const { name, inputs, attrs } = node;
    const { of, emit, int64, weight } = context;
    const pixel = (): string => int64("pixel", [2, 3]);
    const flat = context.isInt8
      ? emit("Flatten", `${name}.flat`, [of(inputs[0])])
      : emit("Squeeze", `${name}.flat`, [of(inputs[0]), pixel()]);
    const operands = context.weights([node], {
      filters: weight(node, "weight"),
      bias: weight(node, "bias"),
      dims: [inputs[0].shape[2], attrs.units],
      perOutput: false,
      order: (values) => values,
    });
    const result = context.result(node);
    if (result !== null) return emit("Gemm", result, [flat, ...operands]);
    return emit("Unsqueeze", name, [emit("Gemm", `${name}.rows`, [flat, ...operands]), pixel()]);
  },
};

/** Writes one node. */
export const lowerNode = (node: Node, context: Context): string =>
  (lower[node.op] as (node: Node, context: Context) => string)(node, context);
