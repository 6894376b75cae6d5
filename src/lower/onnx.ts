import { MnasError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Node } from "../graph/node.ts";
import type { Weights } from "../graph/weights.ts";
import { foldingOf, tailOf } from "./folding.ts";
import { front } from "./input.ts";
import { metadataEntries, metadataOf, type FoundMetadata, type ModelMetadata } from "./metadata.ts";
import { lowerNode, type Attribute, type Context } from "./onnx-ops.ts";
import { attributeTypes, elementTypes, decode, encode, type Message } from "./onnx-proto.ts";
import { quantizationOf, storeWeights, type Affine, type Quantization, type Ranges } from "./quantization.ts";

/** Opset 17 has every operator needed, and runs in ONNX Runtime since 1.12 (2022), so on phones in use. */
const opset = 17;
/** The file format version that goes with opset 17. */
const irVersion = 8;
/** The name of a batch dimension without a size. */
const batchSymbol = "batch";

/** Number of images in the input: fixed, as accelerators of phones need it, or any. */
export type Batch = number | "any";

/**
 * Most that a filter from colour to grey may be in int8. On processors without VNNI, ONNX Runtime adds pairs of products in 16
 * bits and cuts what does not fit: 255 × (127 + 65) for the pixels of white.
 */
const largestInFront = 63;

/** The form of an ONNX file. */
export interface OnnxOptions {
  /** 1 by default. */
  readonly batch?: Batch;
  /** Probabilities as the output instead of logits. */
  readonly softmax?: boolean;
  /** With ranges, the file works on int8. */
  readonly ranges?: Ranges;
  /** With ranges: every zero point 0, and float32 biases, as TensorRT needs it. */
  readonly symmetric?: boolean;
}

function attributeOf([name, value]: [string, Attribute]): Message<"Attribute"> {
  if (typeof value === "string") return { name, string: value, type: attributeTypes.string };
  if (typeof value !== "number") return { name, ints: value, type: attributeTypes.ints };
  return Number.isInteger(value)
    ? { name, int: value, type: attributeTypes.int }
    : { name, float: value, type: attributeTypes.float };
}

const lastAxis = attributeOf(["axis", -1]);

const bytesOf = ({ buffer, byteOffset, byteLength }: Constants): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

type Constants = Float32Array | BigInt64Array | Int32Array | Int8Array;

/** What a graph is in ONNX, and what the values of its nodes are called. */
interface Lowered extends Required<Pick<Message<"Graph">, "nodes" | "initializers">> {
  readonly values: ReadonlyMap<Node, string>;
}

/**
 * The operations and constants that compute a graph from the value "image" to the value "logits". Where `stored` says
 * how values are in int8, each is quantized and dequantized again, which runtimes take for work on int8.
 */
function lowerGraph(graph: Graph, weights: Weights, stored: Quantization | null, symmetric = false): Lowered {
  const nodes: Message<"Operation">[] = [];
  const initializers = new Map<string, Message<"Tensor">>();
  const values = new Map<Node, string>();
  const folding = foldingOf(graph, weights);
  const constant = (
    name: string,
    type: keyof typeof elementTypes,
    dims: readonly number[],
    array: Constants,
  ): string => {
    initializers.set(name, { name, type: elementTypes[type], dims, data: bytesOf(array) });
    return name;
  };
  const float: Context["float"] = (name, dims, array) => constant(name, "float", dims, array);
  const emit: Context["emit"] = (type, name, inputs, attributes = {}) => {
    nodes.push({ type, name, inputs, outputs: [name], attributes: Object.entries(attributes).map(attributeOf) });
    return name;
  };
  /** Int8 or int32 constants with scales along the first dimension, or one, as numbers again. */
  const dequantized = (name: string, dims: readonly number[], array: Int8Array | Int32Array, scales: Float32Array) => {
    const type = array instanceof Int8Array ? "int8" : "int32";
    const each = scales.length > 1 ? [scales.length] : [];
    const zeros = array instanceof Int8Array ? new Int8Array(scales.length) : new Int32Array(scales.length);
    const parts = [
      constant(`${name}.${type}`, type, dims, array),
      float(`${name}.scale`, each, scales),
      constant(`${name}.zero`, type, each, zeros),
    ];
    return emit("DequantizeLinear", name, parts, scales.length > 1 ? { axis: 0 } : {});
  };
  /** A value that goes through int8. */
  const rounded = (name: string, value: string, { scale, zeroPoint }: Affine): string => {
    const how = [
      float(`${value}.scale`, [], Float32Array.of(scale)),
      constant(`${value}.zero`, "int8", [], Int8Array.of(zeroPoint)),
    ];
    return emit("DequantizeLinear", name, [emit("QuantizeLinear", `${value}.int8`, [value, ...how]), ...how]);
  };
  const context: Context = {
    ...folding,
    isInt8: stored !== null,
    of: (node) => values.get(node)!,
    emit,
    float,
    int64: (name, array) => constant(name, "int64", [array.length], BigInt64Array.from(array, BigInt)),
    weights: (work, { filters, bias, dims, perOutput, order }) => {
      const [{ name, inputs }, last] = [work[0]!, work.at(-1)!];
      if (stored === null) {
        const weight = float(`${name}.weight`, dims, order(filters));
        return bias === null ? [weight] : [weight, float(`${name}.bias`, [bias.length], bias)];
      }
      const bound = name === front ? { largest: largestInFront } : {};
      const scaling = { input: stored.get(inputs[0]!)!, output: stored.get(last)!, perOutput, ...bound };
      const none = new Float32Array(last.shape[2]);
      const int8 = storeWeights({ filters, bias: symmetric ? none : (bias ?? none) }, scaling);
      const weight = dequantized(`${name}.weight`, dims, order(int8.filters), int8.scales);
      if (symmetric) return bias === null ? [weight] : [weight, float(`${name}.bias`, [bias.length], bias)];
      return [weight, dequantized(`${name}.bias`, [int8.bias.length], int8.bias, int8.biasScales)];
    },
    result: (node) => (node !== graph.output ? null : stored === null ? "logits" : "logits.float"),
  };
  /** Nodes whose value an operation keeps to itself, in int8 as in TFLite. */
  const inner = new Set(graph.nodes.flatMap((node) => tailOf(node, folding).nodes.slice(0, -1)));
  for (const node of graph.nodes) {
    const value = lowerNode(node, context);
    const isRounded = node.inputs.some((input: Node) => values.get(input) === value && !inner.has(input));
    const name = value === "logits.float" ? "logits" : `${value}.rounded`;
    const isDone = stored === null || inner.has(node) || isRounded;
    values.set(node, isDone ? value : rounded(name, value, stored.get(node)!));
  }
  const result = context.of(graph.output);
  if (result !== "logits") {
    if (isRow(graph.output)) context.emit("Squeeze", "logits", [result, context.int64("pixel", [2, 3])]);
    else context.emit("Identity", "logits", [result]);
  }
  return { nodes, initializers: [...initializers.values()], values };
}

/** Whether a value is one number for each channel, which leaves the file without height and width. */
const isRow = ({ shape: [height, width] }: Node): boolean => height === 1 && width === 1;

function valueInfo(name: string, batch: Batch, dims: readonly number[]): Message<"Value"> {
  const first = batch === "any" ? { symbol: batchSymbol } : { size: batch };
  const shape = { dims: [first, ...dims.map((size) => ({ size }))] };
  return { name, type: { tensor: { element: elementTypes.float, shape } } };
}

/**
 * The network as an ONNX model for inference: batch-norm folded into the convolutions, float32 input `image`
 * [batch, channels, height, width], output `logits` or `probabilities` [batch, classes].
 *
 * @throws MnasError `MODEL_INVALID` when an array of weights is missing or has the wrong length.
 */
export function toOnnx(
  graph: Graph,
  weights: Weights,
  metadata: ModelMetadata,
  { batch = 1, softmax = false, ranges, symmetric = false }: OnnxOptions = {},
): Uint8Array {
  const stored = ranges === undefined ? null : quantizationOf(graph, ranges, symmetric);
  const { nodes, initializers } = lowerGraph(graph, weights, stored, symmetric);
  const [height, width, channels] = graph.input.shape;
  const [rows, columns, classes] = graph.output.shape;
  const output = softmax ? "probabilities" : "logits";
  const scores = { type: "Softmax", name: output, inputs: ["logits"], outputs: [output], attributes: [lastAxis] };
  return encode("Model", {
    irVersion,
    producerName: "mnas",
    producerVersion: metadata.version,
    opsets: [{ domain: "", version: opset }],
    graph: {
      name: "mnas",
      nodes: softmax ? [...nodes, scores] : nodes,
      initializers,
      inputs: [valueInfo("image", batch, [channels, height, width])],
      outputs: [valueInfo(output, batch, isRow(graph.output) ? [classes] : [classes, rows, columns])],
    },
    metadata: metadataEntries(metadata, "NCHW"),
  });
}

/**
 * The network as an ONNX model that gives the value of every node, for a look inside; `names` are those of the outputs,
 * by the names of the nodes; nodes whose value is the image have none.
 */
export function toOnnxWithValues(
  graph: Graph,
  weights: Weights,
): { model: Uint8Array; names: ReadonlyMap<string, string> } {
  const { nodes, initializers, values } = lowerGraph(graph, weights, null);
  const names = new Map([...values].flatMap(([{ name }, value]) => (value === "image" ? [] : [[name, value]])));
  const [height, width, channels] = graph.input.shape;
  const tensor = { element: elementTypes.float };
  const model = encode("Model", {
    irVersion,
    opsets: [{ domain: "", version: opset }],
    graph: {
      name: "values",
      nodes,
      initializers,
      inputs: [valueInfo("image", 1, [channels, height, width])],
      outputs: [...new Set(names.values())].map((name) => ({ name, type: { tensor } })),
    },
  });
  return { model, names };
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
