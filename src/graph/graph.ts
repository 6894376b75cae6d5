import type { Node } from "./node.ts";
import { paramsOf, type Parameter } from "./ops.ts";

/** A network: everything its output depends on, inputs before users. */
export interface Graph {
  readonly nodes: readonly Node[];
  readonly input: Node;
  readonly output: Node;
}

/** The graph that computes `output`; throws when it has not exactly one input, or two nodes share a name. */
export function graphOf(output: Node): Graph {
  const seen = new Set<Node>();
  const nodes: Node[] = [];
  const visit = (node: Node): void => {
    if (seen.has(node)) return;
    seen.add(node);
    for (const input of node.inputs) visit(input);
    nodes.push(node);
  };
  visit(output);
  const inputs = nodes.filter((node) => node.op === "Input");
  if (inputs.length !== 1) throw new Error(`internal: a graph needs one input, this has ${inputs.length}`);
  const names = new Set(nodes.map((node) => node.name));
  if (names.size < nodes.length) throw new Error("internal: two nodes of a graph share a name");
  return { nodes, input: inputs[0]!, output };
}

/** All weights of a graph, in the order of its nodes. */
export const parametersOf = (graph: Graph): Parameter[] => graph.nodes.flatMap(paramsOf);

/** One line per node, for people and golden tests. */
export const printGraph = (graph: Graph): string =>
  graph.nodes
    .map(({ name, op, inputs, attrs, shape }) => {
      const settings = Object.entries(attrs).map(([key, value]) => `${key}=${String(value)}`);
      return `${name} = ${op}(${[...inputs.map((input: Node) => input.name), ...settings].join(", ")}) : ${shape.join("×")}`;
    })
    .join("\n");
