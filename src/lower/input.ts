import { graphOf, type Graph } from "../graph/graph.ts";
import type { Inputs, Node, NodeOf } from "../graph/node.ts";
import { apply, samePadding } from "../graph/ops.ts";
import type { Weights } from "../graph/weights.ts";
import type { Preprocessing } from "./metadata.ts";

/** Shares of red, green and blue in a grey value (ITU-R BT.601), as Pillow and OpenCV have them. */
export const luma = [0.299, 0.587, 0.114] as const;

/** The input of a file: 0 to 255, which the file normalises, or values that whoever runs the file has normalised. */
export type InputKind = "pixels" | "normalised";

/** The input that a file shall have. */
export interface InputForm {
  readonly input: InputKind;
  /** Whether a network for grey images gets three channels, and takes their {@link luma}. */
  readonly rgb: boolean;
}

/** A network with its weights, and the preprocessing of its input. */
export interface Adapted {
  readonly graph: Graph;
  readonly weights: Weights;
  readonly preprocessing: Preprocessing;
}

/** A network made anew, and the weights that it has besides or instead. */
type Made = readonly [graph: Graph, own: Readonly<Record<string, Float32Array>>];

/** `x × scale + shift`, by channel of the network. */
interface Affine {
  readonly scale: readonly number[];
  readonly shift: readonly number[];
}

/** Name of the operation in front of the network. */
export const front = "normalise";

const pointwise = { kernel: 1, stride: 1 };
const float = (values: Iterable<number>): Float32Array => Float32Array.from(values);

/** The same graph behind another value; `other` has nodes that take the place of some. */
function rebuild(graph: Graph, begin: Node, other: (node: Node) => Node | undefined = () => undefined): Graph {
  const made = new Map<Node, Node>([[graph.input, begin]]);
  for (const node of graph.nodes) {
    if (made.has(node)) continue;
    const inputs = node.inputs.map((x: Node) => made.get(x)!) as unknown as Inputs<Node["op"]>;
    made.set(node, other(node) ?? apply(node.op, node.name, inputs, node.attrs));
  }
  return graphOf(made.get(graph.output)!);
}

/** Three channels become one, and that is normalised. */
function greyed(graph: Graph, image: Node, { scale, shift }: Affine): Made {
  const grey = apply("Conv", front, [image], { ...pointwise, filters: 1, bias: true });
  return [
    rebuild(graph, grey),
    { [`${front}.weight`]: float(luma.map((share) => share * scale[0]!)), [`${front}.bias`]: float(shift) },
  ];
}

/** One multiply-add for each value of the image. */
function fronted(graph: Graph, image: Node, { scale, shift }: Affine): Made {
  const scaled = apply("DepthwiseConv", front, [image], pointwise);
  const shifted = apply("BatchNorm", `${front}.shift`, [scaled], { epsilon: 0, momentum: 0 });
  const each = (value: number): Float32Array => float(shift.map(() => value));
  const norm = { gamma: each(1), beta: float(shift), mean: each(0), variance: each(1) };
  return [
    rebuild(graph, shifted),
    {
      [`${front}.weight`]: float(scale),
      ...Object.fromEntries(Object.entries(norm).map(([part, values]) => [`${front}.shift.${part}`, values])),
    },
  ];
}

/** Whether a convolution has no zeros around its input, which would be something else before a shift. */
const isBorderless = ({ inputs: [x], attrs: { kernel, stride } }: NodeOf<"Conv">): boolean =>
  x.shape.slice(0, 2).every((size) => {
    const { before, after } = samePadding(size, kernel, stride);
    return before === 0 && after === 0;
  });

/** The first convolution does the work besides; null where it cannot. */
function folded(graph: Graph, image: Node, weights: Weights, { scale, shift }: Affine): Made | null {
  const [reader, ...others] = graph.nodes.filter(({ inputs }) => inputs.some((x: Node) => x === graph.input));
  if (reader?.op !== "Conv" || others.length > 0) return null;
  if (!isBorderless(reader) && shift.some((value) => value !== 0)) return null;
  const { name, attrs } = reader;
  const before = weights.get(`${name}.weight`);
  // The file's writer says what is missing.
  if (before === undefined) return null;
  const { filters } = attrs;
  const channelOf = (i: number): number => Math.floor(i / filters) % scale.length;
  const sums = Float64Array.from(weights.get(`${name}.bias`) ?? new Float64Array(filters));
  before.forEach((value, i) => (sums[i % filters]! += value * shift[channelOf(i)]!));
  const conv = apply("Conv", name, [image], { ...attrs, bias: true });
  return [
    rebuild(graph, image, (node) => (node === reader ? conv : undefined)),
    { [`${name}.weight`]: before.map((value, i) => value * scale[channelOf(i)]!), [`${name}.bias`]: float(sums) },
  ];
}

/**
 * Puts the normalisation of a network, or the way from colour to grey, into the network: into its first convolution where
 * that gives the same results, else as one operation in front.
 */
export function adaptInput(
  graph: Graph,
  weights: Weights,
  preprocessing: Preprocessing,
  { input, rgb }: InputForm,
): Adapted {
  const isPixels = input === "pixels";
  if (!isPixels && !rgb) return { graph, weights, preprocessing };
  const { mean, deviation } = preprocessing;
  const affine: Affine = {
    scale: deviation.map((value) => (isPixels ? 1 / (255 * value) : 1)),
    shift: mean.map((value, c) => (isPixels ? -value / deviation[c]! : 0)),
  };
  const [height, width, own] = graph.input.shape;
  const channels = rgb ? luma.length : own;
  const each = (value: number): number[] => Array<number>(channels).fill(value);
  const image = apply("Input", "image", [], { shape: [height, width, channels] });
  const [made, changed] = rgb
    ? greyed(graph, image, affine)
    : (folded(graph, image, weights, affine) ?? fronted(graph, image, affine));
  return {
    graph: made,
    weights: new Map([...weights, ...Object.entries(changed)]),
    preprocessing: {
      ...preprocessing,
      channels,
      mean: each(isPixels ? 0 : mean[0]!),
      deviation: each(isPixels ? 1 / 255 : deviation[0]!),
    },
  };
}
