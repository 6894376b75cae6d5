import { MnasError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Node } from "../graph/node.ts";
import type { Weights } from "../graph/weights.ts";
import { zip } from "../util/zip.ts";
import { foldingOf, outputsFirst } from "./folding.ts";
import { metadataEntries, metadataOf, type FoundMetadata, type ModelMetadata } from "./metadata.ts";
import { quantizationOf, storeWeights, type Affine, type Quantization, type Ranges } from "./quantization.ts";
import { decodeModel, encodeModel } from "./tflite-file.ts";
import { lowerNode, type Context, type OperatorName, type Options } from "./tflite-ops.ts";
import { metadataName } from "./tflite-metadata-schema.ts";
import { labelsName, labelsText, standardMetadata } from "./tflite-metadata.ts";
import { operators, optionTypes, schemaVersion, tensorTypes, type Table } from "./tflite-schema.ts";

/** What TensorFlow calls the signature of a model that has only one. */
const signatureKey = "serving_default";
/** Codes above do not fit into the byte of old readers, who then see this one. */
const largestByteCode = 127;

type Constants = Float32Array | Int32Array | Int8Array;
type Stored = Table<"Quantization">;

const bytesOf = ({ buffer, byteOffset, byteLength }: Constants): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);
const typeOf = (array: Constants): keyof typeof tensorTypes =>
  array instanceof Float32Array ? "float32" : array instanceof Int8Array ? "int8" : "int32";

const quantize = ({ scale, zeroPoint }: Affine): Stored => ({ scale: [scale], zeroPoint: [zeroPoint] });
const symmetric = (scales: Float32Array, axis: number): Stored => ({
  scale: [...scales],
  zeroPoint: Array<number>(scales.length).fill(0),
  ...(scales.length > 1 ? { axis } : {}),
});

/** The form of a TFLite file. */
export interface TfliteOptions {
  /** Probabilities as the output instead of logits. */
  readonly softmax?: boolean;
  /** With the ranges of all values, everything between the first and the last operator is int8. */
  readonly ranges?: Ranges;
}

/** The parts of a file while it is built. */
interface Parts {
  readonly isInt8: boolean;
  readonly tensors: Table<"Tensor">[];
  readonly buffers: Table<"Buffer">[];
  readonly codes: Table<"OperatorCode">[];
  readonly operations: Table<"Operator">[];
}

const add = <T>(list: T[], item: T): number => list.push(item) - 1;

/** Versions of operators that work on int8, where float32 does not have the same. */
const int8Versions: Partial<Record<OperatorName, number>> = {
  ADD: 2,
  AVERAGE_POOL_2D: 2,
  CONV_2D: 3,
  DEPTHWISE_CONV_2D: 3,
  DEQUANTIZE: 2,
  FULLY_CONNECTED: 4,
  LOGISTIC: 2,
  MAX_POOL_2D: 2,
  MEAN: 2,
  MUL: 2,
  PAD: 2,
  RELU: 2,
  RELU6: 2,
  SLICE: 2,
};

function codeOf({ codes, isInt8 }: Parts, operator: OperatorName): number {
  const code = operators[operator];
  const found = codes.findIndex((each) => each.code === code);
  if (found >= 0) return found;
  const version = (isInt8 ? int8Versions[operator] : undefined) ?? 1;
  return add(codes, { code, byteCode: Math.min(code, largestByteCode), version });
}

function operate(
  parts: Parts,
  operator: OperatorName,
  inputs: readonly number[],
  output: number,
  options?: Options,
): number {
  parts.operations.push({
    code: codeOf(parts, operator),
    inputs,
    outputs: [output],
    ...(options === undefined ? {} : { optionsType: optionTypes[options[0]], options: options[1] }),
  });
  return output;
}

/** Adds tensors to a file. */
function tensorsOf(parts: Parts) {
  const constants = new Map<string, number>();
  const tensor = (
    name: string,
    shape: readonly number[],
    type: keyof typeof tensorTypes,
    more: Table<"Tensor"> = {},
  ): number => add(parts.tensors, { name, shape, type: tensorTypes[type], hasRank: 1, ...more });
  const constant = (name: string, dims: readonly number[], array: Constants, quantization?: Stored): number => {
    const before = constants.get(name);
    if (before !== undefined) return before;
    const buffer = add(parts.buffers, { data: bytesOf(array) });
    const made = tensor(name, dims, typeOf(array), { buffer, ...(quantization === undefined ? {} : { quantization }) });
    constants.set(name, made);
    return made;
  };
  return { tensor, constant };
}

/** The operators and tensors that compute a graph; `stored` says how its values are in int8. */
function lowerGraph(
  graph: Graph,
  weights: Weights,
  { stored, softmax }: { readonly stored: Quantization | null; readonly softmax: boolean },
  parts: Parts,
): { input: number; output: number } {
  const { tensor, constant } = tensorsOf(parts);
  const values = new Map<Node, number>();
  const [height, width, channels] = graph.output.shape;
  const resultShape = height === 1 && width === 1 ? [1, channels] : [1, height, width, channels];
  const affineOf = (node: Node): Affine => stored!.get(node)!;
  const value = (name: string, shape: readonly number[], node: Node): number =>
    stored === null
      ? tensor(name, shape, "float32")
      : tensor(`${name}.int8`, shape, "int8", { quantization: quantize(affineOf(node)) });

  const context: Context = {
    ...foldingOf(graph, weights),
    isOutput: (node) => node === graph.output,
    of: (node) => values.get(node)!,
    constant,
    weights: (nodes, { filters, bias, dims, axis, perOutput }) => {
      const [{ name, inputs }, last] = [nodes[0]!, nodes.at(-1)!];
      const order = <T extends Float32Array | Int8Array>(array: T): T =>
        axis === 0 ? outputsFirst(array, dims[0]!) : array;
      const names = [`${name}.weight`, `${name}.bias`] as const;
      if (stored === null) return [constant(names[0], dims, order(filters)), constant(names[1], [bias.length], bias)];
      const scaling = { input: affineOf(inputs[0]!), output: affineOf(last), perOutput };
      const int8 = storeWeights({ filters, bias }, scaling);
      return [
        constant(names[0], dims, order(int8.filters), symmetric(int8.scales, axis)),
        constant(names[1], [bias.length], int8.bias, symmetric(int8.biasScales, 0)),
      ];
    },
    emit: (operator, nodes, inputs, options) => {
      const last = nodes.at(-1)!;
      const isResult = operator === "FULLY_CONNECTED";
      const made = value(isResult ? "logits" : last.name, isResult ? resultShape : [1, ...last.shape], last);
      for (const node of nodes) values.set(node, made);
      return operate(parts, operator, inputs, made, options);
    },
  };
  const input = tensor("image", [1, ...graph.input.shape], "float32");
  const image = stored === null ? input : value("image", [1, ...graph.input.shape], graph.input);
  if (image !== input) operate(parts, "QUANTIZE", [input], image, ["QuantizeOptions", {}]);
  values.set(graph.input, image);
  for (const node of graph.nodes) if (!values.has(node)) values.set(node, lowerNode(node, context));

  let result = context.of(graph.output);
  if (graph.output.op !== "Dense") {
    const shape = constant("logits.shape", [resultShape.length], Int32Array.from(resultShape));
    const reshaped = value("logits", resultShape, graph.output);
    result = operate(parts, "RESHAPE", [result, shape], reshaped, ["ReshapeOptions", { shape: resultShape }]);
  }
  if (stored !== null) {
    const logits = tensor("logits", resultShape, "float32");
    result = operate(parts, "DEQUANTIZE", [result], logits, ["DequantizeOptions", {}]);
  }
  if (!softmax) return { input, output: result };
  const probabilities = tensor("probabilities", resultShape, "float32");
  return { input, output: operate(parts, "SOFTMAX", [result], probabilities, ["SoftmaxOptions", { beta: 1 }]) };
}

/**
 * The network as a TFLite model for inference of one image: batch-norm folded into the convolutions, ReLU and ReLU6
 * fused into the operators before them, float32 input `image` [1, height, width, channels], output `logits` or
 * `probabilities` [1, classes]. Behind the model is a ZIP archive with the names of the classes.
 *
 * @throws MnasError `MODEL_INVALID` when an array of weights is missing or has the wrong length.
 */
export function toTflite(
  graph: Graph,
  weights: Weights,
  metadata: ModelMetadata,
  { softmax = false, ranges }: TfliteOptions = {},
): Uint8Array {
  const stored = ranges === undefined ? null : quantizationOf(graph, ranges);
  const parts: Parts = { isInt8: stored !== null, tensors: [], buffers: [{}], codes: [], operations: [] };
  const { input, output } = lowerGraph(graph, weights, { stored, softmax }, parts);
  const name = softmax ? "probabilities" : "logits";
  const utf8 = new TextEncoder();
  const entries = [
    ...metadataEntries(metadata, "NHWC").map(({ key, value }) => ({ name: key, data: utf8.encode(value) })),
    { name: metadataName, data: standardMetadata(metadata, name) },
  ];
  const model = encodeModel({
    version: schemaVersion,
    description: `mnas ${metadata.version}`,
    codes: parts.codes,
    buffers: parts.buffers,
    subgraphs: [
      { name: "main", tensors: parts.tensors, inputs: [input], outputs: [output], operators: parts.operations },
    ],
    metadata: entries.map((entry) => ({ name: entry.name, buffer: add(parts.buffers, { data: entry.data }) })),
    signatures: [
      {
        key: signatureKey,
        inputs: [{ name: "image", tensor: input }],
        outputs: [{ name, tensor: output }],
      },
    ],
  });
  if (metadata.classes.length === 0) return model;
  const labels = { name: labelsName, data: utf8.encode(labelsText(metadata.classes)) };
  return Buffer.concat([model, zip([labels], model.length)]);
}

/**
 * What a model says about itself; null for each thing that it does not say, or says in another way than mnas does.
 *
 * @throws MnasError `MODEL_INVALID` when the bytes are not a TFLite model.
 */
export function readTfliteMetadata(bytes: Uint8Array): FoundMetadata {
  const fail = (problem: string, cause?: unknown): never => {
    throw new MnasError("MODEL_INVALID", `Cannot read the model: ${problem}`, {
      hint: "Give a .tflite file that is complete.",
      cause,
    });
  };
  let model: Table<"Model">;
  try {
    model = decodeModel(bytes);
  } catch (error) {
    return fail("it is not a TFLite file, or is damaged", error);
  }
  const { metadata = [], buffers = [] } = model;
  return metadataOf(
    new Map(metadata.map(({ name, buffer = 0 }) => [name, new TextDecoder().decode(buffers[buffer]?.data)])),
  );
}
