import * as fc from "fast-check";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { expect, test } from "vitest";
import { buildGraph } from "../src/arch/build.ts";
import { zooArch, zooNames } from "../src/arch/zoo.ts";
import { MnasError } from "../src/errors.ts";
import { graphOf, type Graph } from "../src/graph/graph.ts";
import { apply } from "../src/graph/ops.ts";
import { initWeights } from "../src/graph/weights.ts";
import { decode, encode } from "../src/lower/onnx-proto.ts";
import { readOnnxMetadata, toOnnx, type Batch, type OnnxOptions } from "../src/lower/onnx.ts";
import { archOf } from "../src/space/arch.ts";
import { mnasnetSpace, mnasnetTinySpace } from "../src/space/presets.ts";
import { sample } from "../src/space/space.ts";
import { createRng } from "../src/util/rng.ts";
import { anyWindow, metadata, pixel, singleNodes, trainedWeights, windowGraph } from "./lowering-cases.ts";
import { interpret } from "./onnx-interpreter.ts";

const toNchw = (nhwc: Float64Array, channels: number): Float32Array => {
  const pixels = nhwc.length / channels;
  return Float32Array.from(nhwc, (_, i) => nhwc[(i % pixels) * channels + Math.floor(i / pixels)]!);
};

/** Largest difference between ONNX Runtime and the interpreter on two images in one batch, in units of the largest output. */
async function disagreement(graph: Graph, seed: string, batch: Batch = 2): Promise<number> {
  const rng = createRng(seed);
  const weights = trainedWeights(graph, rng);
  const [height, width, channels] = graph.input.shape;
  const images = [0, 1].map((n) => {
    const own = rng.fork(`image ${n}`);
    return Float64Array.from({ length: height * width * channels }, () => Math.fround(own.normal()));
  });
  const session = await InferenceSession.create(toOnnx(graph, weights, metadata, { batch }), {
    logSeverityLevel: 3,
  });
  const data = Float32Array.from(images.flatMap((image) => [...toNchw(image, channels)]));
  const { logits } = await session.run({ image: new Tensor("float32", data, [2, channels, height, width]) });
  await session.release();
  const expected = images.flatMap((image) => [...toNchw(interpret(graph, weights, image), graph.output.shape[2])]);
  const actual = logits!.data as Float32Array;
  expect(logits!.dims.reduce((n, d) => n * d, 1)).toBe(expected.length);
  const scale = expected.reduce((max, value) => Math.max(max, Math.abs(value)), 1);
  return expected.reduce((max, value, i) => Math.max(max, Math.abs(value - actual[i]!)), 0) / scale;
}

test.each(Object.entries(singleNodes))("toOnnx() computes what the graph says: %s", async (name, build) => {
  expect(await disagreement(graphOf(build()), name)).toBeLessThan(1e-5);
});

test("toOnnx() pads every window as the graph says: any size, kernel and stride", async () => {
  await fc.assert(
    fc.asyncProperty(anyWindow, async (window) => {
      expect(await disagreement(windowGraph(window), "windows")).toBeLessThan(1e-5);
    }),
    { numRuns: 150, seed: 1 },
  );
});

test.each(Array.from({ length: 8 }, (_, i) => i))("toOnnx() agrees on network %i of mnasnet-tiny", async (i) => {
  const task = { height: 28, width: 27, channels: 1, classes: 10 };
  const genotype = sample(mnasnetTinySpace, createRng("tiny").fork(i));
  expect(await disagreement(buildGraph(archOf(mnasnetTinySpace, genotype, task)), `tiny ${i}`)).toBeLessThan(1e-4);
});

test.each(Array.from({ length: 2 }, (_, i) => i))("toOnnx() agrees on network %i of mnasnet", async (i) => {
  const task = { height: 64, width: 64, channels: 3, classes: 20 };
  const genotype = sample(mnasnetSpace, createRng("mnasnet").fork(i));
  expect(await disagreement(buildGraph(archOf(mnasnetSpace, genotype, task)), `mnasnet ${i}`)).toBeLessThan(1e-4);
});

test.each(zooNames)("toOnnx() agrees on %s", async (name) => {
  const graph = buildGraph(zooArch(name, { width: 0.25, task: { height: 64, width: 64, classes: 20 } }));
  expect(await disagreement(graph, name)).toBeLessThan(1e-4);
});

const tiny = (): Graph => graphOf(apply("Dense", "dense", [pixel], { units: 3 }));

test.each<[options: OnnxOptions, batch: object, output: string]>([
  [{}, { size: 1 }, "logits"],
  [{ batch: 3 }, { size: 3 }, "logits"],
  [{ batch: "any", softmax: true }, { symbol: "batch" }, "probabilities"],
])("toOnnx() names its values, and fixes the batch to 1 unless it is told otherwise: %j", (options, batch, output) => {
  const graph = tiny();
  const model = decode("Model", toOnnx(graph, initWeights(graph, createRng(1)), metadata, options));
  const shape = (dims: readonly object[]) => ({ tensor: { element: 1, shape: { dims } } });
  expect(model.opsets).toEqual([{ domain: "", version: 17 }]);
  expect(model.graph?.inputs).toEqual([{ name: "image", type: shape([batch, { size: 7 }, { size: 1 }, { size: 1 }]) }]);
  expect(model.graph?.outputs).toEqual([{ name: output, type: shape([batch, { size: 3 }]) }]);
});

test("toOnnx() runs on as many images at a time as there are, where the batch is open", async () => {
  const graph = buildGraph(zooArch("mnasnet-small", { width: 0.25, task: { height: 32, width: 32, classes: 5 } }));
  expect(await disagreement(graph, "open", "any")).toBeLessThan(1e-4);
});

/** Operators that ONNX Runtime 1.30 has in NNAPI and in both forms of Core ML, by its own lists for phones. */
const onPhones = new Set([
  "Add",
  "Clip",
  "Conv",
  "Gemm",
  "GlobalAveragePool",
  "Mul",
  "Relu",
  "Sigmoid",
  "Softmax",
  "Squeeze",
]);

test.each(zooNames)("toOnnx() writes %s with operators only that phones' accelerators have", (name) => {
  const graph = buildGraph(zooArch(name, { width: 0.25, task: { height: 32, width: 32, classes: 5 } }));
  const bytes = toOnnx(graph, initWeights(graph, createRng(1)), metadata, { softmax: true });
  const types = new Set(decode("Model", bytes).graph!.nodes!.map(({ type }) => type!));
  expect([...types.difference(onPhones)]).toEqual([]);
});

test("toOnnx() leaves no batch-norm and no dropout in a network", () => {
  const graph = buildGraph(zooArch("mnasnet-small", { task: { height: 32, width: 32 } }));
  const model = decode("Model", toOnnx(graph, initWeights(graph, createRng(1)), metadata));
  expect(new Set(model.graph!.nodes!.map(({ type }) => type))).toEqual(
    new Set(["Conv", "Relu", "Add", "GlobalAveragePool", "Sigmoid", "Mul", "Squeeze", "Gemm"]),
  );
});

test("toOnnx() gives the same bytes for the same network", () => {
  const bytes = () => toOnnx(tiny(), initWeights(tiny(), createRng(1)), metadata);
  expect(bytes()).toEqual(bytes());
});

test("toOnnx() refuses weights of another network", () => {
  const graph = tiny();
  const weights = initWeights(graph, createRng(1));
  const without = new Map(weights);
  without.delete("dense.bias");
  expect(() => toOnnx(graph, without, metadata)).toThrow(
    /^Cannot export the network: weights "dense.bias" are missing$/,
  );
  const short = new Map(weights).set("dense.bias", new Float32Array(2));
  expect(() => toOnnx(graph, short, metadata)).toThrow(/"dense.bias" have 2 values, must have 3$/);
});

test("readOnnxMetadata() gives back what toOnnx() was given", () => {
  const graph = tiny();
  expect(readOnnxMetadata(toOnnx(graph, initWeights(graph, createRng(1)), metadata))).toEqual(metadata);
});

test("readOnnxMetadata() gives null for what a foreign model does not say, or says differently", () => {
  const foreign = (entries: Record<string, string>): Uint8Array =>
    encode("Model", {
      irVersion: 7,
      opsets: [{ version: 13 }],
      graph: { nodes: [{ type: "Relu", inputs: ["a"], outputs: ["b"] }] },
      metadata: Object.entries(entries).map(([key, value]) => ({ key, value })),
    });
  const nothing = { version: null, notation: null, classes: null, preprocessing: null };
  expect(readOnnxMetadata(foreign({}))).toEqual(nothing);
  expect(readOnnxMetadata(foreign({ author: "me", classes: "[1, 2]", preprocessing: "{ not JSON" }))).toEqual(nothing);
});

const invalid = expect.objectContaining({ code: "MODEL_INVALID" }) as MnasError;

test("readOnnxMetadata() refuses bytes that are not a model", () => {
  const texts = ["", "hello", "\0\0\0\0", "PK\x03\x04 zip", JSON.stringify({ graph: {} }), "\x89PNG\r\n\x1a\n"];
  for (const text of texts) expect(() => readOnnxMetadata(Buffer.from(text, "latin1"))).toThrow(invalid);
});

test("readOnnxMetadata() refuses every truncation of a model, or finds the metadata missing, but never fails otherwise", () => {
  const graph = tiny();
  const bytes = toOnnx(graph, initWeights(graph, createRng(1)), metadata);
  for (let length = 0; length < bytes.length; length++) {
    try {
      expect(readOnnxMetadata(bytes.subarray(0, length))).not.toEqual(metadata);
    } catch (error) {
      expect(error).toEqual(invalid);
    }
  }
});

test("decode() reads what encode() wrote, and refuses noise without hanging", () => {
  const tensor = { dims: [2, 0, 3_000_000_000], type: 1, name: "wéight", data: Uint8Array.of(1, 2, 3) };
  const attribute = { name: "axis", int: -1, float: 0.5, ints: [-1, 2], type: 7 };
  expect(decode("Tensor", encode("Tensor", tensor))).toEqual(tensor);
  expect(decode("Attribute", encode("Attribute", attribute))).toEqual(attribute);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (noise) => {
      try {
        decode("Model", noise);
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
      }
    }),
    { numRuns: 2000 },
  );
});
