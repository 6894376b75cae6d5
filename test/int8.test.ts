import * as fc from "fast-check";
import { expect, test } from "vitest";
import { changed } from "../src/config/config.ts";
import { loadDataset } from "../src/data/dataset.ts";
import type { Graph } from "../src/graph/graph.ts";
import type { Weights } from "../src/graph/weights.ts";
import { quantizationOf, storeWeights, type Ranges } from "../src/lower/quantization.ts";
import { decodeModel } from "../src/lower/tflite-file.ts";
import { operators, tensorTypes, type Table } from "../src/lower/tflite-schema.ts";
import { toTflite } from "../src/lower/tflite.ts";
import { modelMetadata } from "../src/lower/metadata.ts";
import { decode, elementTypes } from "../src/lower/onnx-proto.ts";
import { toOnnx } from "../src/lower/onnx.ts";
import { parseArch } from "../src/space/notation.ts";
import { calibrate, clip } from "../src/export/calibrate.ts";
import { networkOf } from "../src/arch/network.ts";
import { ship, usualForms } from "../src/export/file-form.ts";
import { formats } from "../src/export/formats.ts";
import { exportInt8 } from "../src/export/int8.ts";
import { judgedImages, spread, type ProbeImages } from "../src/export/probe-images.ts";
import { modelFacts } from "../src/train/facts.ts";
import { proxyRecipe } from "../src/train/presets.ts";
import { train } from "../src/train/trainer.ts";
import { createRng } from "../src/util/rng.ts";
import { finish } from "./finish.ts";
import { metadata, trainedWeights } from "./lowering-cases.ts";
import { randomNetwork } from "./random-network.ts";

const finite = (max: number) => fc.float({ min: -max, max, noNaN: true });

test("storeWeights() keeps filters and biases to half a step, whatever they are", () => {
  const affine = fc.record({ scale: fc.constantFrom(1e-3, 0.02, 1), zeroPoint: fc.constant(-128) });
  const weights = fc.integer({ min: 1, max: 4 }).chain((outputs) =>
    fc.record({
      filters: fc
        .array(finite(4), { minLength: outputs, maxLength: outputs })
        .map((row) => [...row, ...row.toReversed()]),
      bias: fc.array(finite(1e4), { minLength: outputs, maxLength: outputs }),
    }),
  );
  fc.assert(
    fc.property(weights, affine, affine, fc.boolean(), ({ filters, bias }, input, output, perOutput) => {
      const floats = { filters: Float32Array.from(filters), bias: Float32Array.from(bias) };
      const stored = storeWeights(floats, { input, output, perOutput });
      const groups = stored.scales.length;
      expect(groups).toBe(perOutput ? bias.length : 1);
      floats.filters.forEach((value, i) => {
        const scale = stored.scales[i % groups]!;
        expect(Math.abs(stored.filters[i]! * scale - value)).toBeLessThanOrEqual(scale * 0.5001);
      });
      floats.bias.forEach((value, i) => {
        const scale = stored.biasScales[i % groups]!;
        expect(scale).toBe(Math.fround(stored.scales[i % groups]! * input.scale));
        expect(Math.abs(stored.bias[i]! * scale - value)).toBeLessThanOrEqual(scale * 0.5001 + Math.abs(value) * 1e-6);
      });
    }),
  );
});

test("clip() cuts what is rare and far, and nothing from what is spread evenly", () => {
  const even = { range: { min: -1, max: 3 }, counts: new Float64Array(1024).fill(1000) };
  expect(clip(even)).toEqual(even.range);
  // Most of it below 1, and one number at 2.
  const counts = Float64Array.from({ length: 1024 }, (_, i) => (i < 512 ? 1000 : i === 1023 ? 1 : 0));
  const { min, max } = clip({ range: { min: 0, max: 2 }, counts });
  expect(min).toBe(0);
  expect(max).toBeLessThan(1.2);
  expect(max).toBeGreaterThan(0.9);
});

/** Ranges and images for a network that was never trained. */
async function calibrated(graph: Graph): Promise<{ weights: Weights; images: ProbeImages; ranges: Ranges }> {
  const rng = createRng("int8");
  const weights = trainedWeights(graph, rng);
  const size = graph.input.shape.reduce((n, dim) => n * dim, 1);
  const own = rng.fork("images");
  const images = { count: 8, values: Float32Array.from({ length: 8 * size }, () => own.normal()) };
  const all = async function* () {
    yield images;
  };
  const { ranges, count } = await calibrate(graph, weights, all);
  expect(count).toBe(images.count);
  return { weights, images, ranges };
}

type Quantized = Required<Table<"Tensor">>;

/** What the int8 specification of TFLite asks of an operator. */
function expectSpecified(name: string, inputs: readonly Quantized[], output: Quantized): void {
  const [x, filters, bias] = inputs as [Quantized, Quantized, Quantized];
  const one = ({ quantization }: Quantized) => [quantization.scale![0], quantization.zeroPoint![0]];
  if (name === "LOGISTIC") expect(one(output)).toEqual([1 / 256, -128]);
  if (["AVERAGE_POOL_2D", "MAX_POOL_2D", "PAD", "SLICE", "RESHAPE"].includes(name)) {
    expect(output.quantization).toEqual(x.quantization);
  }
  if (!["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"].includes(name)) return;
  const { scale, zeroPoint, axis } = filters.quantization;
  const outputs = output.shape.at(-1)!;
  expect([filters.type, bias.type]).toEqual([tensorTypes.int8, tensorTypes.int32]);
  expect(scale!.length).toBe(name === "FULLY_CONNECTED" ? 1 : outputs);
  if (outputs > 1) expect(axis).toBe(name === "DEPTHWISE_CONV_2D" ? 3 : 0);
  expect(new Set([...zeroPoint!, ...bias.quantization.zeroPoint!])).toEqual(new Set([0]));
  expect(bias.quantization.scale).toEqual(scale!.map((each) => Math.fround(each * x.quantization.scale![0]!)));
}

test("int8 files hold to the specification and compute the same in LiteRT and ONNX Runtime, for random networks", async () => {
  const names = new Map<number, string>(Object.entries(operators).map(([name, code]) => [code, name]));
  await fc.assert(
    fc.asyncProperty(randomNetwork, async (graph) => {
      const { weights, images, ranges } = await calibrated(graph);
      const tflite = toTflite(graph, weights, metadata, { ranges });
      const { codes, subgraphs } = decodeModel(tflite);
      const tensors = subgraphs![0]!.tensors as readonly Quantized[];
      for (const { code, inputs, outputs } of subgraphs![0]!.operators!) {
        expectSpecified(
          names.get(codes![code!]!.code!)!,
          inputs!.map((i) => tensors[i]!),
          tensors[outputs![0]!]!,
        );
      }
      const [height, width, channels] = graph.input.shape;
      const task = { height, width, channels, classes: graph.output.shape[2] };
      const [a, b] = await Promise.all([
        formats.tflite.run(tflite, task, images),
        formats.onnx.run(toOnnx(graph, weights, metadata, { ranges }), task, images),
      ]);
      const { scale } = quantizationOf(graph, ranges).get(graph.output)!;
      const apart = a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!) / scale, 0) / a.length;
      expect(apart).toBeLessThan(6);
    }),
    { numRuns: 60, seed: 1 },
  );
});

test("symmetric int8 ONNX has zero points of 0 only and no int32, and computes what the other one does", async () => {
  await fc.assert(
    fc.asyncProperty(randomNetwork, async (graph) => {
      const { weights, images, ranges } = await calibrated(graph);
      const symmetric = toOnnx(graph, weights, metadata, { ranges, symmetric: true });
      const { nodes, initializers } = decode("Model", symmetric).graph!;
      const constants = new Map(initializers!.map((tensor) => [tensor.name!, tensor]));
      const zeros = nodes!.filter(({ type }) => type!.endsWith("quantizeLinear") || type === "QuantizeLinear");
      expect(
        zeros.flatMap(({ inputs }) => [...constants.get(inputs![2]!)!.data!]).filter((zero) => zero !== 0),
      ).toEqual([]);
      expect(new Set(initializers!.map(({ type }) => type))).not.toContain(elementTypes.int32);
      const [height, width, channels] = graph.input.shape;
      const task = { height, width, channels, classes: graph.output.shape[2] };
      const [a, b] = await Promise.all([
        formats.onnx.run(symmetric, task, images),
        formats.onnx.run(toOnnx(graph, weights, metadata, { ranges }), task, images),
      ]);
      // Half of the steps are lost to the zero point.
      const { scale } = quantizationOf(graph, ranges, true).get(graph.output)!;
      const apart = a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!) / scale, 0) / a.length;
      expect(apart).toBeLessThan(6);
    }),
    { numRuns: 30, seed: 1 },
  );
});

const candidate = networkOf(
  parseArch("in28x28x1 stem8_k3_s22 r2_k3_s22_e3_i8_o16_se0.25 r1_k5_s11_e3_i16_o24_pool head32 classes10"),
);

test("int8 costs a trained network little, and both runtimes say mostly the same", async () => {
  const dataset = await loadDataset(undefined, { seed: 0 });
  const recipe = changed(proxyRecipe, { epochs: 2 });
  const { weights } = await finish(train({ graph: candidate.graph, dataset, recipe, seed: "int8" }));
  const judged = judgedImages(dataset, modelFacts(dataset, recipe));
  const files = {
    onnx: await exportInt8("onnx", candidate, weights, judged),
    tflite: await exportInt8("tflite", candidate, weights, judged),
  };
  const symmetric = await exportInt8("onnx", candidate, weights, judged, { ...usualForms.onnx, symmetric: true });
  const pixels = await exportInt8("onnx", candidate, weights, judged, { input: "pixels", rgb: true, batch: 7 });
  for (const { report } of [files.onnx, files.tflite, symmetric, pixels]) {
    expect(report).toMatchObject({ calibrationImages: 256, validationImages: 1000 });
    expect(report.floatAccuracy).toBeGreaterThan(0.6);
    expect(Math.abs(report.accuracy - report.floatAccuracy)).toBeLessThan(0.03);
  }
  expect((await exportInt8("tflite", candidate, weights, judged)).model).toEqual(files.tflite.model);
  const best = (logits: Float32Array, n: number): number => {
    const row = logits.subarray(10 * n, 10 * n + 10);
    return row.indexOf(Math.max(...row));
  };
  const { inputOf } = ship(
    { graph: candidate.graph, task: candidate.arch.task },
    weights,
    modelMetadata(candidate.notation, judged, candidate.arch.task),
    usualForms.tflite,
  );
  let [same, count] = [0, 0];
  for await (const images of spread(judged, "validation", 300)) {
    const { task } = candidate.arch;
    const a = await formats.onnx.run(files.onnx.model, task, images);
    const b = await formats.tflite.run(files.tflite.model, task, inputOf(images));
    for (let n = 0; n < images.count; n++) if (best(a, n) === best(b, n)) same++;
    count += images.count;
  }
  expect(count).toBe(300);
  expect(same / count).toBeGreaterThan(0.95);
});
