import { MnasError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { ActivationFunction, Node, NodeOf, OpName, Shape } from "../graph/node.ts";
import { samePadding } from "../graph/ops.ts";
import type { Weights } from "../graph/weights.ts";
import { foldedOf, foldingOf, outputsFirst, type Convolution, type Folding } from "./folding.ts";
import { metadataEntries, metadataOf, type FoundMetadata, type ModelMetadata } from "./metadata.ts";
import { attributeTypes, elementTypes, decode, encode, type Message } from "./onnx-proto.ts";

/** Opset 17 has every operator needed, and runs in ONNX Runtime since 1.12 (2022), so on phones in use. */
const opset = 17;
/** The file format version that goes with opset 17. */
const irVersion = 8;
/** The batch dimension has a name instead of a size: it costs no time, and a user may run many images at once. */
const batch = "batch";

type Attribute = number | string | readonly number[];

/** What lowering one node may use. Names are of ONNX values. */
interface Context extends Folding {
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
  readonly isOutput: (node: Node) => boolean;
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
  const channels = shape[2];
  const { filters, bias } = foldedOf(context, node);
  const weight = outputsFirst(filters, attrs.kernel ** 2, channels, "in area");
  const operands = [
    context.of(inputs[0]),
    context.float(`${name}.weight`, [channels, inputs[0].shape[2] / groups, attrs.kernel, attrs.kernel], weight),
    ...(bias === null ? [] : [context.float(`${name}.bias`, [channels], bias)]),
  ];
  return context.emit("Conv", name, operands, { ...windowOf(inputs[0].shape, attrs), group: groups });
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
  Dense: (node, { emit, of, float, int64, weight, isOutput }) => {
    const { name, inputs, attrs } = node;
    const flat = emit("Flatten", `${name}.flat`, [of(inputs[0])]);
    const operands = [
      float(`${name}.weight`, [inputs[0].shape[2], attrs.units], weight(node, "weight")),
      float(`${name}.bias`, [attrs.units], weight(node, "bias")),
    ];
    if (isOutput(node)) return emit("Gemm", "logits", [flat, ...operands]);
    return emit("Unsqueeze", name, [emit("Gemm", `${name}.rows`, [flat, ...operands]), int64("pixel", [2, 3])]);
  },
};

function attributeOf([name, value]: [string, Attribute]): Message<"Attribute"> {
  if (typeof value === "string") return { name, string: value, type: attributeTypes.string };
  if (typeof value !== "number") return { name, ints: value, type: attributeTypes.ints };
  return Number.isInteger(value)
    ? { name, int: value, type: attributeTypes.int }
    : { name, float: value, type: attributeTypes.float };
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | BigInt64Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** The operations and constants that compute a graph from the value "image" to the value "logits". */
function lowerGraph(graph: Graph, weights: Weights): Pick<Message<"Graph">, "nodes" | "initializers"> {
  const nodes: Message<"Operation">[] = [];
  const initializers = new Map<string, Message<"Tensor">>();
  const values = new Map<Node, string>();
  const constant = (
    name: string,
    type: number,
    dims: readonly number[],
    array: Float32Array | BigInt64Array,
  ): string => {
    initializers.set(name, { name, type, dims, data: bytesOf(array) });
    return name;
  };
  const context: Context = {
    ...foldingOf(graph, weights),
    of: (node) => values.get(node)!,
    emit: (type, name, inputs, attributes = {}) => {
      nodes.push({ type, name, inputs, outputs: [name], attributes: Object.entries(attributes).map(attributeOf) });
      return name;
    },
    float: (name, dims, array) => constant(name, elementTypes.float, dims, array),
    int64: (name, array) => constant(name, elementTypes.int64, [array.length], BigInt64Array.from(array, BigInt)),
    isOutput: (node) => node === graph.output,
  };
  for (const node of graph.nodes) {
    values.set(node, (lower[node.op] as (node: Node, context: Context) => string)(node, context));
  }
  const [height, width] = graph.output.shape;
  const result = context.of(graph.output);
  if (result !== "logits") context.emit(height === 1 && width === 1 ? "Flatten" : "Identity", "logits", [result]);
  return { nodes, initializers: [...initializers.values()] };
}

function valueInfo(name: string, dims: readonly number[]): Message<"Value"> {
  const shape = { dims: [{ symbol: batch }, ...dims.map((size) => ({ size }))] };
  return { name, type: { tensor: { element: elementTypes.float, shape } } };
}

/**
 * The network as an ONNX model for inference: batch-norm folded into the convolutions, float32 input `image`
 * [batch, channels, height, width], output `logits` [batch, classes].
 *
 * @throws MnasError `MODEL_INVALID` when an array of weights is missing or has the wrong length.
 */
export function toOnnx(graph: Graph, weights: Weights, metadata: ModelMetadata): Uint8Array {
  const [height, width, channels] = graph.input.shape;
  const [rows, columns, classes] = graph.output.shape;
  return encode("Model", {
    irVersion,
    producerName: "mnas",
    producerVersion: metadata.version,
    opsets: [{ domain: "", version: opset }],
    graph: {
      name: "mnas",
      ...lowerGraph(graph, weights),
      inputs: [valueInfo("image", [channels, height, width])],
      outputs: [valueInfo("logits", rows === 1 && columns === 1 ? [classes] : [classes, rows, columns])],
    },
    metadata: metadataEntries(metadata, "NCHW"),
  });
}

/**
 * What a model says about itself; null for each thing that it does not say, or says in another way than mnas does.
 *
 * @throws MnasError `MODEL_INVALID` when the bytes are not an ONNX model.
 */
export function readOnnxMetadata(bytes: Uint8Array): FoundMetadata {
  const fail = (problem: string, cause?: unknown): never => {
    throw new MnasError("MODEL_INVALID", `Cannot read the model: ${problem}`, {
      hint: "Give an .onnx file that is complete.",
      cause,
    });
  };
  let model: Message<"Model">;
  try {
    model = decode("Model", bytes);
  } catch (error) {
    return fail("it is not an ONNX file, or is damaged", error);
  }
  const isModel = model.graph?.nodes !== undefined && model.irVersion !== undefined && model.opsets !== undefined;
  if (!isModel) return fail("it is not an ONNX file");
  return metadataOf(new Map((model.metadata ?? []).map(({ key, value }) => [key, value])));
}
