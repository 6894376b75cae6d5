import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildGraph } from "../src/arch/build.ts";
import { zooArch } from "../src/arch/zoo.ts";
import { changed } from "../src/config/config.ts";
import { loadDataset } from "../src/data/dataset.ts";
import { upTo } from "../src/data/images.ts";
import type { ImageSource } from "../src/data/source.ts";
import { select } from "../src/data/source.ts";
import { guessWarning } from "../src/data/guess.ts";
import { initWeights } from "../src/graph/weights.ts";
import { parseArch } from "../src/space/notation.ts";
import { loadCheckpoint, saveCheckpoint } from "../src/train/checkpoint.ts";
import { finalRecipe, proxyRecipe, recipes } from "../src/train/presets.ts";
import { learningRateAt, planFor, type Recipe } from "../src/train/recipe.ts";
import { readTensors, writeTensors } from "../src/train/safetensors.ts";
import { Diverged, predictions, train } from "../src/train/trainer.ts";
import { createRng } from "../src/util/rng.ts";
import { trainInParallel } from "../src/train/parallel.ts";
import { finish } from "./finish.ts";
import { scratch } from "./mnas.ts";

const notation = "in28x28x1 stem8_k3_s22 r1_k3_s22_e3_i8_o16_se0.25_noskip head0 classes10";
const graph = buildGraph(parseArch(notation));

const images = (count: number, channels = 1) => ({ train: { count, channels } as ImageSource });

test("the recipe mnasnet is the published one, with the learning rate in proportion to the batch", () => {
  // Section 5 of arXiv 1807.11626, and the reference code: 0.256 for 4,096 images.
  expect(recipes.mnasnet).toEqual({
    epochs: 350,
    minSteps: 0,
    batch: 128,
    optimizer: { kind: "rmsprop", decay: 0.9, momentum: 0.9, epsilon: 0.001 },
    learningRate: (0.016 * 128) / 256,
    warmupEpochs: 5,
    schedule: { kind: "exponential", factor: 0.97, everyEpochs: 2.4 },
    labelSmoothing: 0.1,
    weightDecay: 1e-5,
    emaDecay: 0.9999,
    batchNormMomentum: null,
    augment: "resized-crop",
  });
  // Dropout is part of the networks.
  expect(["mnasnet-a1", "mnasnet-b1", "mnasnet-d1"].map((name) => zooArch(name).dropout)).toEqual([0.2, 0.2, 0.2]);
});

test("the recipe small makes many passes in small batches, and gives the average of the last weights", () => {
  expect(recipes.small).toEqual({
    epochs: 60,
    minSteps: 3000,
    batch: 32,
    optimizer: { kind: "sgd", momentum: 0.9, nesterov: true },
    learningRate: 0.1,
    warmupEpochs: 2,
    schedule: { kind: "cosine" },
    labelSmoothing: 0.1,
    weightDecay: 5e-4,
    emaDecay: 0.99,
    batchNormMomentum: 0.95,
    augment: null,
  });
});

test("a plan makes the fewest steps of the recipe, whatever the data, and stretches warm-up and decay alike", () => {
  const embedded = planFor(finalRecipe, images(7000));
  expect([embedded.steps, embedded.stepsPerEpoch, embedded.epochs]).toEqual([872, 109, 8]);
  const few = planFor(finalRecipe, images(135));
  expect([few.steps, few.stepsPerEpoch, few.epochs]).toEqual([800, 2, 400]);
  expect(few.warmupEpochs / few.epochs).toBeCloseTo(finalRecipe.warmupEpochs / finalRecipe.epochs, 12);
  const fewest = planFor(finalRecipe, images(10));
  expect([fewest.batch, fewest.steps]).toEqual([10, 800]);
  expect(planFor(changed(finalRecipe, { epochs: 3 }), images(135)).steps).toBe(6);
  expect(planFor(changed(finalRecipe, { epochs: 3, minSteps: 50 }), images(135)).steps).toBe(50);
});

test("photographs are varied unless the recipe says otherwise", () => {
  expect([1, 3].map((channels) => planFor(finalRecipe, images(100, channels)).augment)).toEqual(["none", "crop"]);
  expect(planFor(changed(finalRecipe, { augment: "resized-crop" }), images(100)).augment).toBe("resized-crop");
});

test("an accuracy that guessing reaches is said to be one", () => {
  const labels = Int32Array.from({ length: 100 }, (_, i) => (i < 40 ? 0 : 1 + (i % 3)));
  expect(guessWarning(0.49, { labels, count: 100 })).toMatch(/49\.0 % on 100 .* \(40\.0 %\)/);
  expect(guessWarning(0.5, { labels, count: 100 })).toBeNull();
  expect(guessWarning(null, { labels, count: 100 })).toBeNull();
});

test("the learning rate warms up, then falls along a cosine to nothing", () => {
  const recipe = changed(proxyRecipe, { epochs: 10, learningRate: 1, warmupEpochs: 1, schedule: { kind: "cosine" } });
  const rates = [0, 4, 9, 10, 55, 99].map((step) => learningRateAt(step, planFor(recipe, images(640))));
  expect(rates.map((rate) => Number(rate.toFixed(3)))).toEqual([0.091, 0.455, 0.909, 1, 0.5, 0]);
});

test("the exponential schedule is the reference code's: stairs that count from step 0, replaced during warm-up", () => {
  const recipe = changed(proxyRecipe, {
    epochs: 10,
    learningRate: 0.256,
    warmupEpochs: 5,
    schedule: { kind: "exponential", factor: 0.97, everyEpochs: 2.4 },
  });
  const plan = planFor(recipe, images(640));
  expect(learningRateAt(50, plan)).toBeCloseTo(0.256 * 0.97 ** 2, 12);
  expect(learningRateAt(99, plan)).toBeCloseTo(0.256 * 0.97 ** 4, 12);
});

test("train() learns, and the same seed gives the same bits", async () => {
  const dataset = await loadDataset(undefined, { seed: 1 });
  const recipe: Recipe = changed(finalRecipe, { epochs: 1, batch: 32 });
  const options = { graph, dataset, recipe, withTest: true };
  const first = await finish(train({ ...options, seed: "a" }));
  const again = await finish(train({ ...options, seed: "a" }));
  const other = await finish(train({ ...options, seed: "b" }));
  expect(first.accuracy).toBeGreaterThan(0.4);
  expect(first.testAccuracy).toBeGreaterThan(0.4);
  expect([again.accuracy, again.weights]).toEqual([first.accuracy, first.weights]);
  expect(other.weights).not.toEqual(first.weights);
});

test("accuracy on the way is that of the network by then, at ends of epochs, and changes nothing", async () => {
  const whole = await loadDataset(undefined, { seed: 1 });
  const first = (source: ImageSource, count: number): ImageSource => select(source, upTo(count));
  const dataset = { ...whole, train: first(whole.train, 1280), validation: first(whole.validation, 200) };
  // Five epochs and a half, of ten steps.
  const recipe = changed(recipes.mnasnet, { epochs: 5.5, batch: 128, warmupEpochs: 0, learningRate: 0.01 });
  const order = { notation, dataset, recipe, seed: "a" };
  const told = async (validations: number, workers: number) => {
    const training = trainInParallel({ ...order, validations }, { workers });
    const on: [epoch: number, accuracy: number][] = [];
    for (;;) {
      const { done, value } = await training.next();
      if (done === true) return { on, weights: value.weights };
      if (value.validationAccuracy !== null) on.push([value.step / 10, value.validationAccuracy]);
    }
  };
  const { weights, on } = await told(20, 1);
  expect(on.map(([epoch]) => epoch)).toEqual([1, 2, 3, 4, 5]);
  expect((await told(3, 1)).on).toEqual(on.filter(([epoch]) => epoch % 2 === 0));
  expect(weights).toEqual((await finish(train({ ...order, graph }))).weights);
  const shorter = await finish(train({ ...order, graph, recipe: { ...recipe, epochs: 2 } }));
  expect(shorter.accuracy).toBe(on[1]![1]);
  expect((await told(20, 2)).weights).toEqual((await told(0, 2)).weights);
});

test("train() says at which step a network diverged", async () => {
  const dataset = await loadDataset(undefined, { seed: 1 });
  const recipe: Recipe = { ...proxyRecipe, learningRate: 1e30, warmupEpochs: 0 };
  const training = finish(train({ graph, dataset, recipe, seed: "a" }));
  await expect(training).rejects.toThrow(Diverged);
  await expect(training).rejects.toThrow(/^loss is (NaN|Infinity) at step \d+$/);
});

test("train() does not take what is no number for learning", async () => {
  const dataset = await loadDataset(undefined, { seed: 1 });
  const init = new Map([...initWeights(graph, createRng(1))].slice(0, 1));
  init.get("stem.weight")![3] = NaN;
  const training = finish(train({ graph, dataset, recipe: proxyRecipe, seed: "a", init }));
  await expect(training).rejects.toThrow("loss is NaN at step 1");
});

test("train() does not give out weights that the last update made no numbers", async () => {
  const dataset = await loadDataset(undefined, { seed: 1 });
  // One step, at a rate beyond float32: its loss, from before the update, is finite.
  const recipe = changed(proxyRecipe, { epochs: 0.001, learningRate: 1e39, warmupEpochs: 0 });
  const training = train({ graph, dataset, recipe, seed: "a" });
  expect((await training.next()).value).toMatchObject({ step: 1, steps: 1, loss: expect.closeTo(2.3, 0) });
  await expect(finish(training)).rejects.toThrow(Diverged);
});

test("a class that is never seen in validation leaves an accuracy of the others", async () => {
  const dataset = await loadDataset(undefined, { seed: 1 });
  const { labels, count } = dataset.validation;
  const others = Uint32Array.from({ length: count }, (_, i) => i).filter((i) => labels[i] !== 9);
  const validation = select(dataset.validation, others);
  const recipe = changed(proxyRecipe, { epochs: 0.5 });
  const { accuracy } = await finish(train({ graph, dataset: { ...dataset, validation }, recipe, seed: "a" }));
  expect(accuracy).toBeGreaterThan(0.2);
  expect(accuracy).toBeLessThan(1);
});

test("a batch of one image trains, down to values of 1×1", async () => {
  const dataset = await loadDataset(undefined, { seed: 1 });
  const halving = "r1_k3_s22_e3_i8_o8";
  const small = buildGraph(
    parseArch(`in28x28x1 stem8_k3_s22 ${halving}_se0.25 ${halving} ${halving} r2_k3_s22_e3_i8_o11 head12 classes10`),
  );
  expect(small.nodes.filter(({ op, shape }) => op === "BatchNorm" && shape[0] * shape[1] === 1)).toHaveLength(6);
  const recipe = changed(proxyRecipe, { batch: 1, epochs: 0.003, learningRate: 0.001, warmupEpochs: 0 });
  const options = { graph: small, dataset, recipe, seed: "a" };
  const { accuracy, weights } = await finish(train(options));
  expect(accuracy).toBeGreaterThan(0);
  expect([...weights.values()].every((values) => values.every(Number.isFinite))).toBe(true);
});

test("train() stops at a step boundary when aborted", async () => {
  const dataset = await loadDataset(undefined, { seed: 1 });
  const stop = new AbortController();
  const training = train({ graph, dataset, recipe: proxyRecipe, seed: "a", signal: stop.signal });
  await training.next();
  stop.abort(new Error("enough"));
  await expect(training.next()).rejects.toThrow("enough");
});

test("predictions() takes the largest logit of each row", () => {
  expect(predictions(Float32Array.of(0, 2, 1, 5, 3, 4, 9, 9, 9), 3, 2)).toEqual([1, 0]);
});

test("a checkpoint keeps weights and the network they are for", () => {
  using folder = scratch();
  const file = join(folder.dir, "w.safetensors");
  const weights = initWeights(graph, createRng(1));
  saveCheckpoint(file, graph, { notation, weights });
  expect(loadCheckpoint(file)).toEqual({ notation, weights, facts: null });
});

test("safetensors files are laid out as the format says", () => {
  using folder = scratch();
  const file = join(folder.dir, "w.safetensors");
  writeTensors(file, {
    arrays: new Map([["a", { shape: [2], values: Float32Array.of(1, -2) }]]),
    metadata: { from: "mnäs" },
  });
  const bytes = readFileSync(file);
  const size = Number(bytes.readBigUInt64LE(0));
  expect(size % 8).toBe(0);
  expect(JSON.parse(bytes.toString("utf8", 8, 8 + size))).toEqual({
    __metadata__: { from: "mnäs", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
    a: { dtype: "F32", shape: [2], data_offsets: [0, 8] },
  });
  expect([bytes.readFloatLE(8 + size), bytes.readFloatLE(12 + size), bytes.length]).toEqual([1, -2, 16 + size]);
  expect(readTensors(file).arrays.get("a")).toEqual({ shape: [2], values: Float32Array.of(1, -2) });
});

test("a damaged checkpoint is refused with the reason", () => {
  using folder = scratch();
  const file = join(folder.dir, "w.safetensors");
  saveCheckpoint(file, graph, { notation, weights: initWeights(graph, createRng(1)) });
  const bytes = readFileSync(file);
  const damaged = (name: string, content: Uint8Array): string => {
    const path = join(folder.dir, name);
    writeFileSync(path, content);
    return path;
  };
  expect(() => loadCheckpoint(damaged("cut", bytes.subarray(0, -4)))).toThrow("is cut off");
  const turned = Uint8Array.from(bytes);
  turned[bytes.length - 1]! ^= 1;
  expect(() => loadCheckpoint(damaged("turned", turned))).toThrow("it is damaged");
  expect(() => loadCheckpoint(damaged("short", bytes.subarray(0, 20)))).toThrow("its header is cut off");
  expect(() => loadCheckpoint(damaged("empty", new Uint8Array()))).toThrow("it is too short");
  expect(() => loadCheckpoint(join(folder.dir, "none"))).toThrow("no such file");
  mkdirSync(join(folder.dir, "folder"));
  expect(() => loadCheckpoint(join(folder.dir, "folder"))).toThrow("it is a folder");
});
