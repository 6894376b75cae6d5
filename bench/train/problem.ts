import { closeSync, mkdirSync, openSync, readFileSync, readSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildGraph } from "../../src/arch/build.ts";
import { parametersOf, type Graph } from "../../src/graph/graph.ts";
import type { Node } from "../../src/graph/node.ts";
import { samePadding } from "../../src/graph/ops.ts";
import { initWeights, type Weights } from "../../src/graph/weights.ts";
import { parseArch } from "../../src/space/notation.ts";
import { createRng } from "../../src/util/rng.ts";
import type { Network } from "./networks.ts";

/** Batches in memory, used in turn. */
const batches = 4;

/** What both sides train, as a folder has it: this in `problem.json`, and the arrays of the files beside it. */
export interface Problem extends Network {
  readonly momentum: number;
  readonly weightDecay: number;
}

/** The nodes and parameters of a network, as network.py reads them. */
export const describeGraph = (graph: Graph) => ({
  nodes: graph.nodes.map(describe),
  parameters: parametersOf(graph).map(({ name, shape, hasDecay }) => ({ name, shape, hasDecay })),
});

/** Writes weights in the order of the parameters. */
export function writeWeights(folder: string, weights: Weights): void {
  const bytes = [...weights.values()].map(({ buffer }) => Buffer.from(buffer as ArrayBuffer));
  writeFileSync(join(folder, "weights.f32"), Buffer.concat(bytes));
}

/** A node with its padding [top, bottom, left, right], which PyTorch has no rule for. */
function describe(node: Node): object {
  const { name, op, inputs, attrs, shape } = node;
  const common = { name, op, inputs: inputs.map((input: Node) => input.name), attrs, shape };
  if (!("kernel" in attrs)) return common;
  const [vertical, horizontal] = [0, 1].map((side) =>
    samePadding((inputs[0] as Node).shape[side]!, attrs.kernel, attrs.stride),
  );
  return { ...common, padding: [vertical!.before, vertical!.after, horizontal!.before, horizontal!.after] };
}

/** Images of noise around a picture per class, so that there is something to learn. */
function createImages(graph: Graph, labels: Int32Array): Float32Array {
  const size = graph.input.shape.reduce((n, side) => n * side, 1);
  const rng = createRng("images");
  const pictures = Float32Array.from({ length: graph.output.shape[2] * size }, () => rng.normal());
  const images = new Float32Array(labels.length * size);
  labels.forEach((label, n) => {
    for (let p = 0; p < size; p++) images[n * size + p] = 0.3 * pictures[label * size + p]! + rng.normal();
  });
  return images;
}

/** Writes initial weights and batches to a folder; the same ones every time. */
export function writeProblem(network: Network, folder: string): void {
  const graph = buildGraph(parseArch(network.notation));
  const problem: Problem = { ...network, momentum: 0.9, weightDecay: 1e-4 };
  const weights = initWeights(graph, createRng("weights"));
  const rng = createRng("labels");
  const labels = Int32Array.from({ length: batches * network.batch }, () => rng.int(graph.output.shape[2]));
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "problem.json"), JSON.stringify({ ...problem, ...describeGraph(graph) }));
  writeWeights(folder, weights);
  writeFileSync(join(folder, "labels.i32"), labels);
  writeFileSync(join(folder, "images.f32"), createImages(graph, labels));
}

/** Reads such a folder. */
export function readProblem(folder: string) {
  const problem = JSON.parse(readFileSync(join(folder, "problem.json"), "utf8")) as Problem;
  const graph = buildGraph(parseArch(problem.notation));
  const read = (name: string): ArrayBuffer => {
    const bytes = new Uint8Array(statSync(join(folder, name)).size);
    const file = openSync(join(folder, name), "r");
    readSync(file, bytes, 0, bytes.length, 0);
    closeSync(file);
    return bytes.buffer;
  };
  const all = new Float32Array(read("weights.f32"));
  let at = 0;
  const weights: Weights = new Map(
    parametersOf(graph).map(({ name, shape }) => {
      const length = shape.reduce((n, size) => n * size, 1);
      return [name, all.subarray(at, (at += length))];
    }),
  );
  return {
    problem,
    graph,
    weights,
    images: new Float32Array(read("images.f32")),
    labels: new Int32Array(read("labels.i32")),
  };
}
