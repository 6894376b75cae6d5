import type { Graph } from "./graph.ts";
import type { Node } from "./node.ts";
import { paramsOf, samePadding, type Parameter } from "./ops.ts";

/** Of the JSON below; it grows when a reader of the old one could go wrong. */
export const graphVersion = 1;

/** Zero rows and columns around a value before a window slides over it. */
type Padding = readonly [top: number, bottom: number, left: number, right: number];

/** A node as plain data: everything needed to build it elsewhere. */
interface NodeJson {
  readonly name: string;
  readonly op: Node["op"];
  readonly attrs: Node["attrs"];
  /** Names of the nodes that it reads. */
  readonly inputs: readonly string[];
  /** Height, width and channels of its value. */
  readonly shape: Node["shape"];
  /** Of convolutions and pooling. */
  readonly padding?: Padding;
  readonly parameters: readonly Parameter[];
}

/** A graph as plain data, its nodes after those that they read. */
export interface GraphJson {
  readonly graphVersion: typeof graphVersion;
  /** Names of the nodes where images come in and logits go out. */
  readonly input: string;
  readonly output: string;
  readonly nodes: readonly NodeJson[];
}

function paddingOf({ attrs, inputs: [x] }: Node): { padding?: Padding } {
  if (!("stride" in attrs) || x === undefined) return {};
  const [rows, columns] = [x.shape[0], x.shape[1]].map((size) => samePadding(size, attrs.kernel, attrs.stride));
  return { padding: [rows!.before, rows!.after, columns!.before, columns!.after] };
}

/** A graph in the form that programs outside of mnas get it in. */
export const graphJson = (graph: Graph): GraphJson => ({
  graphVersion,
  input: graph.input.name,
  output: graph.output.name,
  nodes: graph.nodes.map((node) => ({
    name: node.name,
    op: node.op,
    attrs: node.attrs,
    inputs: node.inputs.map((input: Node) => input.name),
    shape: node.shape,
    ...paddingOf(node),
    parameters: paramsOf(node),
  })),
});
