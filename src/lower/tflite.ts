import { MnasError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Node } from "../graph/node.ts";
import type { Weights } from "../graph/weights.ts";
import { foldingOf } from "./folding.ts";
import { metadataEntries, metadataOf, type FoundMetadata, type ModelMetadata } from "./metadata.ts";
import { decodeModel, encodeModel } from "./tflite-file.ts";
import { lowerNode, type Context, type OperatorName, type Options } from "./tflite-ops.ts";
import { operators, optionTypes, schemaVersion, tensorTypes, type Table } from "./tflite-schema.ts";

/** What TensorFlow calls the signature of a model that has only one. */
const signatureKey = "serving_default";
/** Codes above do not fit into the byte of old readers, who then see this one. */
const largestByteCode = 127;

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array | Int32Array | Int8Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

type TensorType = keyof typeof tensorTypes;

/** The parts of a file while it is built. */
interface Parts {
  readonly tensors: Table<"Tensor">[];
  readonly buffers: Table<"Buffer">[];
  readonly codes: Table<"OperatorCode">[];
  readonly operations: Table<"Operator">[];
}

const add = <T>(list: T[], item: T): number => list.push(item) - 1;

function codeOf({ codes }: Parts, operator: OperatorName): number {
  const code = operators[operator];
  const found = codes.findIndex((each) => each.code === code);
  return found >= 0 ? found : add(codes, { code, byteCode: Math.min(code, largestByteCode), version: 1 });
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

/** The operators and tensors that compute a graph, and the tensor of its output. */
function lowerGraph(graph: Graph, weights: Weights, parts: Parts): { input: number; output: number } {
  const values = new Map<Node, number>();
  const constants = new Map<string, number>();
  const tensor = (name: string, shape: readonly number[], type: TensorType, buffer = 0): number =>
    add(parts.tensors, { name, shape, type: tensorTypes[type], buffer, hasRank: 1 });
  const constant = (name: string, dims: readonly number[], array: Float32Array | Int32Array): number => {
    const before = constants.get(name);
    if (before !== undefined) return before;
    const buffer = add(parts.buffers, { data: bytesOf(array) });
    const made = tensor(name, dims, array instanceof Int32Array ? "int32" : "float32", buffer);
    constants.set(name, made);
    return made;
  };
  const isOutput = (node: Node): boolean => node === graph.output;
  const [height, width, channels] = graph.output.shape;
  const resultShape = height === 1 && width === 1 ? [1, channels] : [1, height, width, channels];

  const context: Context = {
    ...foldingOf(graph, weights),
    isOutput,
    of: (node) => values.get(node)!,
    constant,
    weights: ({ name }, filters, bias) => [
      constant(`${name}.weight`, filters.dims, filters.values),
      constant(`${name}.bias`, [bias.length], bias),
    ],
    emit: (operator, nodes, inputs, options) => {
      const last = nodes.at(-1)!;
      const isResult = operator === "FULLY_CONNECTED";
      const value = tensor(isResult ? "logits" : last.name, isResult ? resultShape : [1, ...last.shape], "float32");
      for (const node of nodes) values.set(node, value);
      return operate(parts, operator, inputs, value, options);
    },
  };
  const input = tensor("image", [1, ...graph.input.shape], "float32");
  values.set(graph.input, input);
  for (const node of graph.nodes) if (!values.has(node)) values.set(node, lowerNode(node, context));
  const result = context.of(graph.output);
  if (parts.tensors[result]!.name === "logits") return { input, output: result };
  const shape = constant("logits.shape", [resultShape.length], Int32Array.from(resultShape));
  const output = tensor("logits", resultShape, "float32");
  operate(parts, "RESHAPE", [result, shape], output, ["ReshapeOptions", { shape: resultShape }]);
  return { input, output };
}

/**
 * The network as a TFLite model for inference of one image: batch-norm folded into the convolutions, ReLU and ReLU6
 * fused into the operators before them, float32 input `image` [1, height, width, channels], output `logits`
 * [1, classes].
 *
 * @throws MnasError `MODEL_INVALID` when an array of weights is missing or has the wrong length.
 */
export function toTflite(graph: Graph, weights: Weights, metadata: ModelMetadata): Uint8Array {
  const parts: Parts = { tensors: [], buffers: [{}], codes: [], operations: [] };
  const { input, output } = lowerGraph(graph, weights, parts);
  const texts = metadataEntries(metadata, "NHWC").map(({ key, value }) => ({
    name: key,
    buffer: add(parts.buffers, { data: new TextEncoder().encode(value) }),
  }));
  return encodeModel({
    version: schemaVersion,
    description: `mnas ${metadata.version}`,
    codes: parts.codes,
    buffers: parts.buffers,
    subgraphs: [
      { name: "main", tensors: parts.tensors, inputs: [input], outputs: [output], operators: parts.operations },
    ],
    metadata: texts,
    signatures: [
      {
        key: signatureKey,
        inputs: [{ name: "image", tensor: input }],
        outputs: [{ name: "logits", tensor: output }],
      },
    ],
  });
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
