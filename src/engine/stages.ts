import type { Graph } from "../graph/graph.ts";
import type { ActivationFunction, Node, NodeOf, Shape } from "../graph/node.ts";

/** What computes a stored value. `Pointwise` is a 1×1 convolution or a dense layer, its input perhaps gated. */
export type Kind =
  | "Image"
  | "Pointwise"
  | "Conv"
  | "Depthwise"
  | "Copy"
  | "Add"
  | "Scale"
  | "Sigmoid"
  | "AveragePool"
  | "MaxPool"
  | "Mean"
  | "Dropout";

/**
 * One stored value of the network: an op, with the batch-norm and the activation behind it that whoever reads the value
 * applies on the way.
 */
export interface Stage {
  readonly kind: Kind;
  /** Whose attributes and weights the op has. */
  readonly node: Node;
  readonly inputs: readonly Stage[];
  readonly shape: Shape;
  readonly norm: NodeOf<"BatchNorm"> | null;
  readonly activation: ActivationFunction | null;
  /** Whether some weight lies before its end, so that a gradient must come this far. */
  readonly needsGradient: boolean;
}

/** Their kernels take the sums that batch-norm needs. */
const takesSums: ReadonlySet<Kind> = new Set(["Pointwise", "Conv", "Depthwise", "Copy", "Add", "Scale"]);
const hasWeights: ReadonlySet<Kind> = new Set(["Pointwise", "Conv", "Depthwise"]);

const isPlain = ({ norm, activation }: Stage): boolean => norm === null && activation === null;
const isPointwise = (node: Node): boolean => node.op === "Conv" && node.attrs.kernel === 1 && node.attrs.stride === 1;

/** Decides which values are stored: the stages of a network, inputs before users. The last one is plain: the logits. */
export function stagesOf(graph: Graph): Stage[] {
  const users = new Map<Node, Node[]>(graph.nodes.map((node) => [node, []]));
  for (const node of graph.nodes) for (const input of node.inputs) users.get(input)!.push(node);
  const onlyUser = (node: Node): Node | undefined => (users.get(node)!.length === 1 ? users.get(node)![0] : undefined);

  const stages: Stage[] = [];
  const stageOf = new Map<Node, Stage>();
  const folded = new Set<Node>();
  const gated = new Map<Node, readonly [Stage, Stage]>();

  const push = (stage: Stage): Stage => {
    stages.push(stage);
    return stage;
  };
  /** Stores what `node` computes, together with what can be folded into it. */
  const add = (kind: Kind, node: Node, inputs: readonly Stage[]): void => {
    let norm = node.op === "BatchNorm" ? node : null;
    let activation = node.op === "Activation" && kind === "Copy" ? node.attrs.function : null;
    let last = node;
    let next = onlyUser(last);
    if (norm === null && activation === null && takesSums.has(kind) && next?.op === "BatchNorm") {
      norm = next;
      last = next;
      folded.add(last);
      next = onlyUser(last);
    }
    if (activation === null && kind !== "Image" && next?.op === "Activation" && next.attrs.function !== "sigmoid") {
      activation = next.attrs.function;
      last = next;
      folded.add(last);
    }
    const needsGradient = hasWeights.has(kind) || norm !== null || inputs.some((input) => input.needsGradient);
    stageOf.set(last, push({ kind, node, inputs, shape: node.shape, norm, activation, needsGradient }));
  };
  /** What a stage shows, stored. */
  const copy = (of: Stage, node: Node): Stage =>
    push({ ...of, kind: "Copy", node, inputs: [of], norm: null, activation: null });
  /** Most kernels want padded channels, which the image has not. */
  let paddedImage: Stage | undefined;
  const paddedStage = (node: Node): Stage => {
    const stage = stageOf.get(node)!;
    return stage.kind === "Image" ? (paddedImage ??= copy(stage, node)) : stage;
  };

  const visit = (node: Node): void => {
    switch (node.op) {
      case "Input":
        add("Image", node, []);
        return;
      case "Conv": {
        const gate = gated.get(node.inputs[0]);
        if (gate !== undefined) add("Pointwise", node, gate);
        else if (isPointwise(node)) add("Pointwise", node, [paddedStage(node.inputs[0])]);
        else add("Conv", node, [stageOf.get(node.inputs[0])!]);
        return;
      }
      case "Scale": {
        const [x, gate] = node.inputs.map(paddedStage) as [Stage, Stage];
        const isOwn = isPlain(gate) && onlyUser(node.inputs[1]) === node;
        const inputs = [x, isOwn ? gate : copy(gate, node.inputs[1])] as const;
        const user = onlyUser(node);
        if (user !== undefined && isPointwise(user)) gated.set(node, inputs);
        else add("Scale", node, inputs);
        return;
      }
      case "BatchNorm":
      case "Activation": {
        const isSigmoid = node.op === "Activation" && node.attrs.function === "sigmoid";
        add(isSigmoid ? "Sigmoid" : "Copy", node, [paddedStage(node.inputs[0])]);
        return;
      }
      default:
        add(kinds[node.op], node, node.inputs.map(paddedStage));
    }
  };
  for (const node of graph.nodes) if (!folded.has(node)) visit(node);

  const logits = stageOf.get(graph.output)!;
  if (!isPlain(logits)) copy(logits, graph.output);
  return stages;
}

const kinds = {
  DepthwiseConv: "Depthwise",
  Add: "Add",
  AvgPool: "AveragePool",
  MaxPool: "MaxPool",
  FitChannels: "Copy",
  GlobalAvgPool: "Mean",
  Dropout: "Dropout",
  Dense: "Pointwise",
} as const;
