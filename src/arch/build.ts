import { graphOf, type Graph } from "../graph/graph.ts";
import type { ActivationFunction, Node } from "../graph/node.ts";
import { apply } from "../graph/ops.ts";
import { expansionOf, type Arch, type BlockSpec } from "../space/arch.ts";

/** Batch-norm of the MnasNet reference code: momentum 0.99, epsilon 1e-3. */
const batchNorm = (name: string, x: Node): Node => apply("BatchNorm", name, [x], { epsilon: 1e-3, momentum: 0.99 });

const activate = (name: string, x: Node, f: ActivationFunction): Node =>
  apply("Activation", name, [x], { function: f });

function conv(name: string, x: Node, filters: number, kernel: number, stride: number, f?: ActivationFunction): Node {
  const y = batchNorm(`${name}.bn`, apply("Conv", name, [x], { filters, kernel, stride, bias: false }));
  return f === undefined ? y : activate(`${name}.${f}`, y, f);
}

/** Squeeze-and-excite; `squeezed` is the width of the bottleneck. */
function excite(name: string, x: Node, squeezed: number): Node {
  const pointwise = { kernel: 1, stride: 1, bias: true };
  const mean = apply("GlobalAvgPool", `${name}.mean`, [x], {});
  const reduce = apply("Conv", `${name}.reduce`, [mean], { ...pointwise, filters: squeezed });
  const expand = apply("Conv", `${name}.expand`, [activate(`${name}.relu`, reduce, "relu")], {
    ...pointwise,
    filters: x.shape[2],
  });
  return apply("Scale", `${name}.scale`, [x, activate(`${name}.sigmoid`, expand, "sigmoid")], {});
}

function skip(name: string, kind: BlockSpec["skip"], x: Node, y: Node, stride: number): Node {
  const [height, width, channels] = y.shape;
  if (kind === "identity" && x.shape[0] === height && x.shape[1] === width && x.shape[2] === channels) {
    return apply("Add", `${name}.add`, [y, x], {});
  }
  if (kind !== "pool") return y;
  const pooled = apply("AvgPool", `${name}.pool`, [x], { kernel: 3, stride });
  const fitted = x.shape[2] === channels ? pooled : apply("FitChannels", `${name}.fit`, [pooled], { channels });
  return apply("Add", `${name}.add`, [y, fitted], {});
}

/** One layer of a block: [expand] → k×k → [squeeze-and-excite] → [project] → [skip]. */
function layer(name: string, x: Node, block: BlockSpec, stride: number): Node {
  const { op, kernel, filters, seRatio, activation = "relu" } = block;
  const input = x.shape[2];
  const se = (y: Node): Node => (seRatio > 0 ? excite(`${name}.se`, y, Math.max(1, Math.floor(input * seRatio))) : y);
  if (op === "conv") {
    return skip(name, block.skip, x, se(conv(`${name}.conv`, x, filters, kernel, stride, activation)), stride);
  }
  const expansion = expansionOf(op);
  const wide = expansion > 1 ? conv(`${name}.expand`, x, expansion * input, 1, 1, activation) : x;
  const depthwise = batchNorm(
    `${name}.depthwise.bn`,
    apply("DepthwiseConv", `${name}.depthwise`, [wide], { kernel, stride }),
  );
  const inner = se(activate(`${name}.depthwise.${activation}`, depthwise, activation));
  const y = conv(`${name}.project`, inner, filters, 1, 1, block.activateProjection === true ? activation : undefined);
  return skip(name, block.skip, x, y, stride);
}

/** The graph of an architecture, from image to logits. */
export function buildGraph({ task, stem, blocks, head, dropout }: Arch): Graph {
  let x = apply("Input", "image", [], { shape: [task.height, task.width, task.channels] });
  x = conv("stem", x, stem.filters, stem.kernel, stem.stride, stem.activation ?? "relu");
  blocks.forEach((block, b) => {
    for (let i = 0; i < block.layers; i++) x = layer(`blocks.${b}.${i}`, x, block, i === 0 ? block.stride : 1);
  });
  if (head.filters > 0) x = conv("head", x, head.filters, 1, 1, head.activation ?? "relu");
  x = apply("GlobalAvgPool", "mean", [x], {});
  if (dropout > 0) x = apply("Dropout", "dropout", [x], { rate: dropout });
  return graphOf(apply("Dense", "logits", [x], { units: task.classes }));
}
