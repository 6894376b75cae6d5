import type { Graph } from "../graph/graph.ts";
import type { Node } from "../graph/node.ts";
import { traitsOf } from "../graph/ops.ts";

/*
 * int8 as TFLite's quantization specification has it (https://ai.google.dev/edge/litert/models/quantization_spec), for
 * both formats: values have one scale and zero point, filters one scale per output and zero point 0, biases are int32.
 */

/** The smallest and the largest number that a value takes. */
export interface Range {
  readonly min: number;
  readonly max: number;
}

/** Ranges of values by the names of their nodes. */
export type Ranges = ReadonlyMap<string, Range>;

/** `number = scale × (stored − zeroPoint)`. */
export interface Affine {
  readonly scale: number;
  readonly zeroPoint: number;
}

/** How each value of a graph is stored. */
export type Quantization = ReadonlyMap<Node, Affine>;

const lowest = -128;
const highest = 127;

/** A sigmoid's result is between 0 and 1, and stored so that runtimes may compute it with a table. */
const sigmoid: Affine = { scale: 1 / 256, zeroPoint: lowest };
const unit: Range = { min: 0, max: 1 };

/** Stores 0 exactly, since images are padded with it. */
function affineFor({ min, max }: Range): Affine {
  const low = Math.min(0, min);
  const scale = Math.fround((Math.max(0, max) - low) / (highest - lowest));
  if (!(scale > 0 && Number.isFinite(scale))) return { scale: 1, zeroPoint: 0 };
  return { scale, zeroPoint: Math.min(highest, Math.max(lowest, Math.round(lowest - low / scale))) };
}

/** Stores with zero point 0; a value that is never negative keeps seven of its eight bits. */
function symmetricFor({ min, max }: Range): Affine {
  const scale = Math.fround(Math.max(-min, max) / highest);
  return { scale: scale > 0 && Number.isFinite(scale) ? scale : 1, zeroPoint: 0 };
}

/** How each value of a graph is stored, given the ranges of all; `symmetric` for zero points that are all 0. */
export function quantizationOf(graph: Graph, ranges: Ranges, symmetric = false): Quantization {
  const stored = new Map<Node, Affine>();
  for (const node of graph.nodes) {
    const range = ranges.get(node.name);
    if (range === undefined) throw new Error(`internal: the range of ${node.name} is not known`);
    const isSigmoid = node.op === "Activation" && node.attrs.function === "sigmoid";
    const kept = traitsOf(node).keepsRange ? stored.get(node.inputs[0]!) : undefined;
    const own = symmetric ? symmetricFor(isSigmoid ? unit : range) : isSigmoid ? sigmoid : affineFor(range);
    stored.set(node, kept ?? own);
  }
  return stored;
}

/** Filters and biases as they are stored. */
export interface StoredWeights {
  readonly filters: Int8Array;
  /** One for each output, or one for all. */
  readonly scales: Float32Array;
  readonly bias: Int32Array;
  readonly biasScales: Float32Array;
}

/** Most that a bias may be, so that the sum it begins has room in 32 bits. */
const largestBias = 2 ** 30;
/** Filters so small that they change no result get no smaller scale: runtimes bound the ratio of scales. */
const smallestRatio = 2 ** -24;

/** How filters and biases are to be stored. */
interface Scaling {
  readonly input: Affine;
  readonly output: Affine;
  /** Whether each output has a scale of its own. */
  readonly perOutput: boolean;
  /** Most that a filter may be as it is stored. */
  readonly largest?: number;
}

/** Stores filters, in which the output is the last dimension, and biases for an input and output stored as given. */
export function storeWeights(
  { filters, bias }: { readonly filters: Float32Array; readonly bias: Float32Array },
  { input, output, perOutput, largest = highest }: Scaling,
): StoredWeights {
  const outputs = bias.length;
  const groups = perOutput ? outputs : 1;
  const scales = new Float32Array(groups).fill((smallestRatio * output.scale) / input.scale);
  const raise = (group: number, scale: number): void => {
    if (scale > scales[group]!) scales[group] = scale;
  };
  filters.forEach((value, i) => raise(i % groups, Math.abs(value) / largest));
  bias.forEach((value, i) => raise(i % groups, Math.abs(value) / largestBias / input.scale));
  const biasScales = scales.map((scale) => scale * input.scale);
  const clamp = (value: number): number => Math.min(largest, Math.max(-largest, Math.round(value)));
  return {
    filters: Int8Array.from(filters, (value, i) => clamp(value / scales[i % groups]!)),
    scales,
    bias: Int32Array.from(bias, (value, i) => Math.round(value / biasScales[i % groups]!)),
    biasScales,
  };
}
