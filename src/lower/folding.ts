import { MnasError } from "../errors.ts";
import { parametersOf, type Graph } from "../graph/graph.ts";
import type { ActivationFunction, Node, NodeOf } from "../graph/node.ts";
import { traitsOf } from "../graph/ops.ts";
import type { Weights } from "../graph/weights.ts";

/** What writing a graph as a file needs to know beyond its nodes. */
export interface Folding {
  /** The batch-norm that takes a convolution's place, when nothing else reads the convolution. */
  readonly normOf: (node: Node) => NodeOf<"BatchNorm"> | undefined;
  /** The only reader of a value, or nothing where there are several. */
  readonly readerOf: (node: Node) => Node | undefined;
  /** A weight array of the network. Throws `MODEL_INVALID` when it is missing or has the wrong length. */
  readonly weight: (node: Node, part: string) => Float32Array;
}

export type Convolution = NodeOf<"Conv"> | NodeOf<"DepthwiseConv">;

function arrayOf(weights: Weights, name: string, length: number): Float32Array {
  const values = weights.get(name);
  if (values?.length === length) return values;
  const problem = values === undefined ? "are missing" : `have ${values.length} values, must have ${length}`;
  throw new MnasError("MODEL_INVALID", `Cannot export the network: weights "${name}" ${problem}`, {
    hint: "Use the weights that were trained for this architecture.",
  });
}

/** Looks up what a graph's nodes are to each other, and their weights. */
export function foldingOf(graph: Graph, weights: Weights): Folding {
  const readers = Map.groupBy(
    graph.nodes.flatMap((user) => user.inputs.map((input: Node) => ({ input, user }))),
    ({ input }) => input,
  );
  const lengths = new Map(parametersOf(graph).map(({ name, shape }) => [name, shape.reduce((n, size) => n * size, 1)]));
  const readerOf = (node: Node): Node | undefined => {
    const [first, ...others] = readers.get(node) ?? [];
    return others.length === 0 ? first?.user : undefined;
  };
  return {
    readerOf,
    normOf: (node) => {
      const reader = traitsOf(node).foldsNorm ? readerOf(node) : undefined;
      return reader?.op === "BatchNorm" ? reader : undefined;
    },
    weight: (node, part) => arrayOf(weights, `${node.name}.${part}`, lengths.get(`${node.name}.${part}`)!),
  };
}

/** Scale and shift that batch-norm does at inference, float64. */
export function affineOf({ weight }: Folding, norm: NodeOf<"BatchNorm">): { scale: Float64Array; shift: Float64Array } {
  const [gamma, beta, mean, variance] = ["gamma", "beta", "mean", "variance"].map((part) => weight(norm, part));
  const scale = Float64Array.from(gamma!, (g, c) => g / Math.sqrt(variance![c]! + norm.attrs.epsilon));
  return { scale, shift: Float64Array.from(beta!, (b, c) => b - mean![c]! * scale[c]!) };
}

/**
 * Filters and bias of a convolution with the batch-norm behind it worked in. Filters are [area, in, out], those of a
 * depthwise convolution [area, channels]; there is no bias where the network has neither bias nor batch-norm.
 */
export function foldedOf(folding: Folding, node: Convolution): { filters: Float32Array; bias: Float32Array | null } {
  const filters = folding.weight(node, "weight").slice();
  const bias = node.op === "Conv" && node.attrs.bias ? folding.weight(node, "bias") : null;
  const norm = folding.normOf(node);
  if (norm === undefined) return { filters, bias };
  const { scale, shift } = affineOf(folding, norm);
  for (let i = 0; i < filters.length; i++) filters[i]! *= scale[i % scale.length]!;
  return { filters, bias: Float32Array.from(shift, (value, c) => value + (bias?.[c] ?? 0) * scale[c]!) };
}

/** [area, in, out] as [out, in, area], as ONNX has it; with `area` left out as [out, area, in], as TFLite does. */
export function outputsFirst<T extends Float32Array | Int8Array>(from: T, outputs: number, area = 1): T {
  const to = from.slice() as T;
  const inputs = from.length / area / outputs;
  for (let p = 0; p < area; p++) {
    for (let i = 0; i < inputs; i++) {
      for (let o = 0; o < outputs; o++) to[(o * inputs + i) * area + p] = from[(p * inputs + i) * outputs + o]!;
    }
  }
  return to;
}

/** Activations that an operator may compute on its way, when nothing else reads what comes before. */
export type Fused = "relu" | "relu6";
const isFused = (f: ActivationFunction): f is Fused => f === "relu" || f === "relu6";

/** The nodes whose work an operator for `node` does, and the activation among them. */
export function tailOf(node: Node, { normOf, readerOf }: Folding): { nodes: Node[]; activation: Fused | "none" } {
  const norm = normOf(node);
  const nodes = norm === undefined ? [node] : [node, norm];
  const reader = readerOf(nodes.at(-1)!);
  if (!traitsOf(node).fusesActivation || reader?.op !== "Activation" || !isFused(reader.attrs.function))
    return { nodes, activation: "none" };
  return { nodes: [...nodes, reader], activation: reader.attrs.function };
}
