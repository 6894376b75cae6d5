import * as fc from "fast-check";
import { expect, test } from "vitest";
import { graphOf, type Graph } from "../src/graph/graph.ts";
import { apply } from "../src/graph/ops.ts";
import { adaptInput, luma, type InputForm } from "../src/lower/input.ts";
import { createRng } from "../src/util/rng.ts";
import { anyWindow, input, trainedWeights, windowGraph } from "./lowering-cases.ts";
import { interpret } from "./onnx-interpreter.ts";
import { randomNetwork } from "./random-network.ts";
import { distance } from "./start-engine.ts";

const facts = { mean: [0.49, 0.4, 0.3], deviation: [0.2, 0.3, 0.25] };

/** Nodes that a form puts in front of a network, and how far its results for bytes are from those of the network itself. */
function adapt(graph: Graph, form: InputForm, { mean, deviation } = facts) {
  const [height, width, channels] = graph.input.shape;
  const of = (values: readonly number[]): number[] => values.slice(0, channels);
  const preprocessing = { mean: of(mean), deviation: of(deviation), height, width, channels };
  const weights = trainedWeights(graph, createRng("input"));
  const adapted = adaptInput(graph, weights, preprocessing, form);
  const given = adapted.preprocessing;
  const rng = createRng("bytes");
  const bytes = Array.from({ length: height * width * given.channels }, () => rng.int(256));
  // As the preprocessing of the file says.
  const file = bytes.map((value, i) => {
    const c = i % given.channels;
    return (value / 255 - given.mean[c]!) / given.deviation[c]!;
  });
  const seen = form.rgb
    ? Array.from({ length: height * width }, (_, p) =>
        luma.reduce((sum, share, c) => sum + share * bytes[3 * p + c]!, 0),
      )
    : bytes;
  const own = seen.map((value, i) => (value / 255 - mean[i % channels]!) / deviation[i % channels]!);
  const expected = interpret(graph, weights, Float64Array.from(own));
  const actual = interpret(adapted.graph, adapted.weights, Float64Array.from(file));
  const known = new Set(graph.nodes.map(({ name }) => name));
  const front = adapted.graph.nodes.filter(({ name }) => !known.has(name)).map(({ op }) => op);
  return { preprocessing: given, front, apart: distance(actual, expected, 1) };
}

const pixels: InputForm = { input: "pixels", rgb: false };

test("adaptInput() changes no result: any first window, any mean, random networks", () => {
  const mean = fc.tuple(...facts.mean.map((value) => fc.constantFrom(0, value)));
  fc.assert(
    fc.property(fc.oneof(anyWindow.map(windowGraph), randomNetwork), mean, (graph, means) => {
      fc.pre(graph.input.shape[2] <= 3);
      expect(adapt(graph, pixels, { ...facts, mean: means }).apart).toBeLessThan(1e-5);
    }),
    { numRuns: 200, seed: 1 },
  );
});

const convolution = (kernel: number, stride: number, channels = 3): Graph =>
  graphOf(apply("Conv", "conv", [input([8, 8, channels])], { filters: 4, kernel, stride, bias: false }));
const front = ["DepthwiseConv", "BatchNorm"];

test.each<[title: string, graph: Graph, form: InputForm, mean: number[], front: string[]]>([
  ["a convolution with borders", convolution(3, 1), pixels, facts.mean, front],
  ["a convolution with borders, mean 0", convolution(3, 1), pixels, [0, 0, 0], []],
  ["a convolution without borders", convolution(2, 2), pixels, facts.mean, []],
  ["a pointwise convolution", convolution(1, 1), pixels, facts.mean, []],
  ["a pooling", windowGraph({ op: "MaxPool", height: 8, width: 8, kernel: 3, stride: 2 }), pixels, facts.mean, front],
  ["grey, as colour", convolution(3, 2, 1), { input: "pixels", rgb: true }, facts.mean, ["Conv"]],
  ["grey, as normalised colour", convolution(3, 2, 1), { input: "normalised", rgb: true }, facts.mean, ["Conv"]],
  ["normalised", convolution(3, 2), { input: "normalised", rgb: false }, facts.mean, []],
])("adaptInput() puts something in front only where it must: %s", (_, graph, form, mean, expected) => {
  const found = adapt(graph, form, { ...facts, mean });
  expect(found.front).toEqual(expected);
  expect(found.apart).toBeLessThan(1e-5);
});

test("adaptInput() says of pixels that nothing is to be done to them", () => {
  const { preprocessing } = adapt(convolution(3, 2, 1), { input: "pixels", rgb: true });
  const each = (value: number): number[] => [value, value, value];
  expect(preprocessing).toEqual({ mean: each(0), deviation: each(1 / 255), height: 8, width: 8, channels: 3 });
});
