import type { Graph } from "../../graph/graph.ts";
import type { Node, NodeOf, OpName, Shape } from "../../graph/node.ts";
import { maddsOf, paramsOf, samePadding } from "../../graph/ops.ts";
import { log } from "../../util/math.ts";

/** Vectors of the widest hardware; narrower ones are done in pairs. */
const lanes = 16;
/** Groups of output channels that share what is loaded of the input. */
const groups = 4;
const vectors = (channels: number): number => Math.ceil(channels / lanes);

const log2 = (x: number): number => log(x) / Math.LN2;
const valuesOf = ([h, w, c]: Shape): number => h * w * c;
const weightsOf = (node: Node): number =>
  paramsOf(node).reduce((sum, { shape }) => sum + shape.reduce((n, size) => n * size, 1), 0);

/** Outputs along a side, those of them whose window crosses the border, and taps that lie inside, of all outputs. */
function side(size: number, kernel: number, stride: number): { outputs: number; crossing: number; taps: number } {
  const { out, before } = samePadding(size, kernel, stride);
  let [crossing, taps] = [0, 0];
  for (let i = 0; i < out; i++) {
    const first = i * stride - before;
    const inside = Math.min(size, first + kernel) - Math.max(0, first);
    taps += inside;
    if (inside < kernel) crossing += 1;
  }
  return { outputs: out, crossing, taps };
}

type Work = readonly (readonly [kind: string, amount: number])[];

/** A window that slides over an image: taps inside it, and taps of outputs at its left and right border. */
function windowOf([height, width]: Shape, kernel: number, stride: number): { taps: number; border: number } {
  const [rows, columns] = [side(height, kernel, stride), side(width, kernel, stride)];
  return { taps: rows.taps * columns.taps, border: rows.taps * columns.crossing };
}

/** A convolution, and a 1×1 one on a vector. */
function convolution(node: NodeOf<"Conv">): Work {
  const [h, w, c] = node.shape;
  const { kernel, stride } = node.attrs;
  const from = node.inputs[0].shape;
  if (h * w === 1 && from[0] * from[1] === 1) return onVector(node);
  const { taps, border } = windowOf(from, kernel, stride);
  const kind = kernel === 1 ? "pointwise" : "convolution";
  const unaligned: Work = [
    ["unaligned", valuesOf(from)],
    ["unaligned work", taps * from[2] * vectors(c)],
  ];
  return [
    ["multiply-adds", maddsOf(node)],
    [kind, taps * from[2] * vectors(c)],
    [`${kind} loads`, taps * from[2] * Math.ceil(vectors(c) / groups)],
    ["border", border * from[2] * vectors(c)],
    ...(from[2] % lanes === 0 ? [] : unaligned),
    ["values", h * w * vectors(c)],
    ["weights", weightsOf(node)],
    ["nodes", 1],
  ];
}

const onVector = (node: Node): Work => [
  ["vector", weightsOf(node)],
  ["small", 1],
];

function depthwise(node: NodeOf<"DepthwiseConv">): Work {
  const { kernel, stride } = node.attrs;
  const from = node.inputs[0].shape;
  const { taps, border } = windowOf(from, kernel, stride);
  const count = vectors(node.shape[2]);
  return [
    ["multiply-adds", maddsOf(node)],
    [`depthwise ${stride}`, taps * count],
    ["depthwise border", border * count],
    ["values", (node.shape[0] * node.shape[1] + from[0] * from[1]) * count],
    ["nodes", 1],
  ];
}

function pool({ inputs: [x], attrs: { kernel, stride }, shape }: NodeOf<"AvgPool"> | NodeOf<"MaxPool">): Work {
  const { taps, border } = windowOf(x.shape, kernel, stride);
  return [
    ["pool", taps * vectors(shape[2])],
    ["pool border", border * vectors(shape[2])],
    ["nodes", 1],
  ];
}

/** Ops that runtimes do on the way of another, or not at all. */
const free = (): Work => [];

const works: { readonly [Name in OpName]: (node: NodeOf<Name>) => Work } = {
  Input: free,
  Conv: convolution,
  DepthwiseConv: depthwise,
  BatchNorm: free,
  Activation: free,
  Scale: ({ shape }) => [
    ["scale", valuesOf(shape)],
    ["nodes", 1],
  ],
  Add: ({ shape }) => [["add", valuesOf(shape)]],
  AvgPool: pool,
  MaxPool: pool,
  FitChannels: ({ shape }) => [
    ["fit", valuesOf(shape)],
    ["nodes", 1],
  ],
  GlobalAvgPool: ({ inputs: [x] }) => [
    ["mean", valuesOf(x.shape)],
    ["small", 1],
  ],
  Dropout: free,
  Dense: onVector,
};

const workOf = (node: Node): Work => (works[node.op] as (node: Node) => Work)(node);

/** What something costs, by kind of work: multiply-adds of each kind of layer, values and weights moved, calls. */
export type Features = Readonly<Record<string, number>>;

/** One op of a network. */
export interface Layer {
  readonly kind: string;
  readonly costs: Features;
  /** Where it lies among layers of its kind, so that near ones have prices alike: sizes on a logarithmic scale. */
  readonly at: readonly number[];
}

/** How much of a vector the channels fill that are left when all others are full. */
const rest = (channels: number): number => (channels % lanes) / lanes;

const sumsOf = (all: readonly Work[]): Features => {
  const sums: Record<string, number> = {};
  for (const [kind, amount] of all.flat()) sums[kind] = (sums[kind] ?? 0) + amount;
  return sums;
};

function layerOf(node: Node): Layer | null {
  const work = workOf(node);
  if (work.length === 0) return null;
  const [h, w, c] = node.shape;
  const from = (node.inputs as readonly Node[])[0]!.shape;
  const { kernel = 1, stride = 1 } = node.attrs as { readonly kernel?: number; readonly stride?: number };
  const at = [log2(1 + h * w), log2(1 + from[2]), log2(1 + c), kernel / 2, stride, rest(from[2]), rest(c)];
  return { kind: node.op === "Conv" && kernel === 1 ? "Pointwise" : node.op, costs: sumsOf([work]), at };
}

/** The ops of a network that take time. */
export const layersOf = ({ nodes }: Graph): Layer[] => nodes.flatMap((node) => layerOf(node) ?? []);

/** All that they cost. */
export const featuresOf = (layers: readonly Layer[]): Features =>
  sumsOf(layers.map(({ costs }) => Object.entries(costs)));
