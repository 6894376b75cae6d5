import { MnasError } from "../errors.ts";
import type { Attrs, Inputs, Node, NodeOf, OpName, PerInput, Shape } from "./node.ts";

/** How a parameter starts. `normal` has mean 0; `uniform` is symmetric. */
export type Init =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "normal"; readonly deviation: number }
  | { readonly kind: "uniform"; readonly bound: number };

/** One array of a node's weights. Convolutions are [k, k, in, out], depthwise [k, k, channels], dense [in, out]. */
export interface Parameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly init: Init;
  /** False for running statistics, which no gradient reaches. */
  readonly isTrainable: boolean;
  /** Whether weight decay applies; batch-norm is spared. */
  readonly hasDecay: boolean;
}

type Own = Omit<Parameter, "name">;

interface OpDef<Name extends OpName> {
  /** Output shape; throws `GRAPH_INVALID` when the inputs do not fit. */
  readonly infer: (inputs: PerInput<Name, Shape>, attrs: Attrs<Name>) => Shape;
  /** Weights by the last part of their name. */
  readonly params?: (node: NodeOf<Name>) => Record<string, Own>;
  /** Multiply-adds for one image. */
  readonly madds?: (node: NodeOf<Name>) => number;
  /** How programs and files treat the op; none has a default, so that a new op cannot be forgotten. */
  readonly traits: Traits;
}

/** Facts of an op that costs, lowering and quantization need to know. */
export interface Traits {
  /** A row of its own in tables of costs. */
  readonly isLayer: boolean;
  /** Its result may take the place of its first input in memory. */
  readonly isInPlace: boolean;
  /** It only moves, chooses or averages numbers: int8 stores its result as its input. */
  readonly keepsRange: boolean;
  /** A batch-norm behind it can be worked into its weights. */
  readonly foldsNorm: boolean;
  /** Its operator in a file can apply ReLU and ReLU6 on its way. */
  readonly fusesActivation: boolean;
  /** `matrix`: its array `weight` is a matrix of inputs × outputs for each tap. */
  readonly weights: "matrix" | "rows" | "none";
}

const fail = (message: string): never => {
  throw new MnasError("GRAPH_INVALID", message);
};
const show = (shape: Shape): string => shape.join("×");

/** Output size and padding of TensorFlow's "same" rule; with stride 2 the extra row goes to the end. */
export function samePadding(
  size: number,
  kernel: number,
  stride: number,
): { out: number; before: number; after: number } {
  const out = Math.ceil(size / stride);
  const total = Math.max(0, (out - 1) * stride + kernel - size);
  const before = total >> 1;
  return { out, before, after: total - before };
}

const strided = ([h, w]: Shape, { kernel, stride }: { kernel: number; stride: number }, channels: number): Shape => [
  samePadding(h, kernel, stride).out,
  samePadding(w, kernel, stride).out,
  channels,
];
const same = ([x]: readonly [Shape]): Shape => x;
const weight = (shape: readonly number[], init: Init): Own => ({ shape, init, isTrainable: true, hasDecay: true });
const zeros: Init = { kind: "constant", value: 0 };
const ones: Init = { kind: "constant", value: 1 };

/** The whole IR in one table: an op is its shape rule, its weights and its cost. */
const ops: { readonly [Name in OpName]: OpDef<Name> } = {
  Input: {
    infer: (_, { shape }) => shape,
    traits: {
      isLayer: false,
      isInPlace: false,
      keepsRange: false,
      foldsNorm: false,
      fusesActivation: false,
      weights: "none",
    },
  },
  Conv: {
    infer: ([x], attrs) => strided(x, attrs, attrs.filters),
    // Fan-out initialisation of the MnasNet reference code.
    params: ({ inputs: [x], attrs: { kernel, filters, bias } }) => ({
      weight: weight([kernel, kernel, x.shape[2], filters], {
        kind: "normal",
        deviation: Math.sqrt(2 / (kernel * kernel * filters)),
      }),
      ...(bias ? { bias: weight([filters], zeros) } : {}),
    }),
    madds: ({ inputs: [x], attrs: { kernel }, shape: [h, w, c] }) => h * w * c * kernel * kernel * x.shape[2],
    traits: {
      isLayer: true,
      isInPlace: false,
      keepsRange: false,
      foldsNorm: true,
      fusesActivation: true,
      weights: "matrix",
    },
  },
  DepthwiseConv: {
    infer: ([x], attrs) => strided(x, attrs, x[2]),
    params: ({ attrs: { kernel }, shape: [, , c] }) => ({
      weight: weight([kernel, kernel, c], { kind: "normal", deviation: Math.sqrt(2 / (kernel * kernel)) }),
    }),
    madds: ({ attrs: { kernel }, shape: [h, w, c] }) => h * w * c * kernel * kernel,
    traits: {
      isLayer: true,
      isInPlace: false,
      keepsRange: false,
      foldsNorm: true,
      fusesActivation: true,
      weights: "rows",
    },
  },
  BatchNorm: {
    infer: same,
    params: ({ shape: [, , c] }) => ({
      gamma: { shape: [c], init: ones, isTrainable: true, hasDecay: false },
      beta: { shape: [c], init: zeros, isTrainable: true, hasDecay: false },
      mean: { shape: [c], init: zeros, isTrainable: false, hasDecay: false },
      variance: { shape: [c], init: ones, isTrainable: false, hasDecay: false },
    }),
    traits: {
      isLayer: false,
      isInPlace: true,
      keepsRange: false,
      foldsNorm: false,
      fusesActivation: true,
      weights: "rows",
    },
  },
  Activation: {
    infer: same,
    traits: {
      isLayer: false,
      isInPlace: true,
      keepsRange: false,
      foldsNorm: false,
      fusesActivation: false,
      weights: "none",
    },
  },
  Scale: {
    infer: ([x, gate]) =>
      gate[0] === 1 && gate[1] === 1 && gate[2] === x[2] ? x : fail(`Cannot scale ${show(x)} by ${show(gate)}`),
    traits: {
      isLayer: false,
      isInPlace: true,
      keepsRange: false,
      foldsNorm: false,
      fusesActivation: true,
      weights: "none",
    },
  },
  Add: {
    infer: ([a, b]) => (show(a) === show(b) ? a : fail(`Cannot add ${show(a)} and ${show(b)}`)),
    traits: {
      isLayer: false,
      isInPlace: false,
      keepsRange: false,
      foldsNorm: false,
      fusesActivation: true,
      weights: "none",
    },
  },
  AvgPool: {
    infer: ([x], attrs) => strided(x, attrs, x[2]),
    traits: {
      isLayer: true,
      isInPlace: false,
      keepsRange: true,
      foldsNorm: false,
      fusesActivation: false,
      weights: "none",
    },
  },
  MaxPool: {
    infer: ([x], attrs) => strided(x, attrs, x[2]),
    traits: {
      isLayer: true,
      isInPlace: false,
      keepsRange: true,
      foldsNorm: false,
      fusesActivation: false,
      weights: "none",
    },
  },
  FitChannels: {
    infer: ([[h, w]], { channels }) => [h, w, channels],
    traits: {
      isLayer: false,
      isInPlace: false,
      keepsRange: true,
      foldsNorm: false,
      fusesActivation: false,
      weights: "none",
    },
  },
  GlobalAvgPool: {
    infer: ([[, , c]]) => [1, 1, c],
    traits: {
      isLayer: false,
      isInPlace: false,
      keepsRange: false,
      foldsNorm: false,
      fusesActivation: false,
      weights: "none",
    },
  },
  Dropout: {
    infer: same,
    traits: {
      isLayer: false,
      isInPlace: true,
      keepsRange: true,
      foldsNorm: false,
      fusesActivation: false,
      weights: "none",
    },
  },
  Dense: {
    infer: ([x], { units }) =>
      x[0] === 1 && x[1] === 1 ? [1, 1, units] : fail(`Cannot apply a dense layer to ${show(x)}`),
    params: ({ inputs: [x], attrs: { units } }) => ({
      weight: weight([x.shape[2], units], { kind: "uniform", bound: 1 / Math.sqrt(units) }),
      bias: weight([units], zeros),
    }),
    madds: ({ inputs: [x], attrs: { units } }) => x.shape[2] * units,
    traits: {
      isLayer: true,
      isInPlace: false,
      keepsRange: false,
      foldsNorm: false,
      fusesActivation: true,
      weights: "matrix",
    },
  },
};

/** Applies an op; throws `GRAPH_INVALID` when the inputs do not fit. */
export function apply<Name extends OpName>(op: Name, name: string, inputs: Inputs<Name>, attrs: Attrs<Name>): Node {
  const shapes = inputs.map((input: Node) => input.shape) as PerInput<Name, Shape>;
  const shape = ops[op].infer(shapes, attrs);
  if (shape.some((n) => !Number.isInteger(n) || n < 1)) fail(`Cannot build ${name}: its shape is ${show(shape)}`);
  return { op, name, inputs, attrs, shape } as unknown as Node;
}

/** The weights of one node, named `<node>.<part>`. */
export function paramsOf(node: Node): Parameter[] {
  const define = ops[node.op].params as ((node: Node) => Record<string, Own>) | undefined;
  return Object.entries(define?.(node) ?? {}).map(([part, own]) => ({ name: `${node.name}.${part}`, ...own }));
}

/** Whether a node has an array of weights of that name. */
export const hasParameter = (node: Node, part: string): boolean =>
  paramsOf(node).some(({ name }) => name === `${node.name}.${part}`);

/** How programs and files treat a node. */
export const traitsOf = (node: Node): Traits => ops[node.op].traits;

/** Multiply-adds of one node for one image. */
export function maddsOf(node: Node): number {
  const count = ops[node.op].madds as ((node: Node) => number) | undefined;
  return count?.(node) ?? 0;
}
