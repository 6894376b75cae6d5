import { buildGraph } from "../../src/arch/build.ts";
import { graphOf, type Graph } from "../../src/graph/graph.ts";
import { toOnnx } from "../../src/lower/onnx.ts";
import type { Ranges } from "../../src/lower/quantization.ts";
import { toTflite } from "../../src/lower/tflite.ts";
import { parseArch } from "../../src/space/notation.ts";
import { createRng } from "../../src/util/rng.ts";
import { metadata, singleNodes, trainedWeights } from "../lowering-cases.ts";
import { hashOf, type Golden } from "./golden.ts";
import { everyOp } from "./programs.ts";

/** A range for each value, without a runtime: those that a runtime measures depend on the processor. */
const rangesOf = (graph: Graph): Ranges => {
  const rng = createRng("ranges");
  return new Map(graph.nodes.map(({ name }) => [name, { min: -1 - rng.next(), max: 1 + rng.next() }]));
};

const writers = {
  "ONNX float32": (graph: Graph) => toOnnx(graph, trainedWeights(graph, createRng(1)), metadata),
  "ONNX int8": (graph: Graph) =>
    toOnnx(graph, trainedWeights(graph, createRng(1)), metadata, { ranges: rangesOf(graph) }),
  "TFLite float32": (graph: Graph) => toTflite(graph, trainedWeights(graph, createRng(1)), metadata),
  "TFLite int8": (graph: Graph) =>
    toTflite(graph, trainedWeights(graph, createRng(1)), metadata, { ranges: rangesOf(graph) }),
};

/** The bytes of exported files: a network of every op, and all small networks of one op together. */
export const exports: Golden = async () =>
  Object.fromEntries(
    Object.entries(writers).flatMap(([name, write]) => {
      const network = write(buildGraph(parseArch(everyOp)));
      const single = name.endsWith("float32") ? Object.values(singleNodes).map((node) => write(graphOf(node()))) : [];
      return [
        [`${name}, every op`, `${network.length} bytes, ${hashOf(network)}`],
        ...(single.length === 0 ? [] : [[`${name}, single ops`, hashOf(...single)]]),
      ];
    }),
  );
