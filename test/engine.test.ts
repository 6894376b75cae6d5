import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { buildGraph } from "../src/arch/build.ts";
import { zooArch } from "../src/arch/zoo.ts";
import { createEngine, type Engine, type EngineOptions } from "../src/engine/engine.ts";
import { parametersOf } from "../src/graph/graph.ts";
import type { Weights } from "../src/graph/weights.ts";
import { parseArch } from "../src/space/notation.ts";
import { interpret } from "./interpreter.ts";
import { distance, plain, randomWeights, startEngine } from "./start-engine.ts";

const graph = buildGraph(parseArch("in9x9x3 stem8_k3_s22 r2_k3_s11_e3_i8_o8_se0.25 head16 drop0.2 classes4"));
const parameters = new Map(parametersOf(graph).map((parameter) => [parameter.name, parameter]));
const rates = [0.1, 0.05, 0.02, 0.07];

/** Runs steps; `update` gets weights, gradients with decay, and the rate, and says what the weights must become. */
async function checkOptimizer(
  options: Partial<EngineOptions>,
  update: (name: string, i: number, w: number, g: number, rate: number) => number,
): Promise<void> {
  const { engine, weights } = await startEngine(graph, 3, options);
  let want = new Map([...weights].map(([name, values]) => [name, Float64Array.from(values)]));
  for (const rate of rates) {
    engine.step(rate);
    const gradients = engine.gradients();
    want = new Map(
      [...want].map(([name, values]) => {
        const { isTrainable, hasDecay } = parameters.get(name)!;
        const decay = hasDecay ? (options.weightDecay ?? 0) : 0;
        return [
          name,
          isTrainable ? values.map((w, i) => update(name, i, w, gradients.get(name)![i]! + decay * w, rate)) : values,
        ];
      }),
    );
    for (const [name, values] of engine.weights()) {
      if (parameters.get(name)!.isTrainable) expect(distance(values, want.get(name)!, 1e-3), name).toBeLessThan(1e-5);
    }
  }
}

/** State of an optimizer for each weight. */
function memory(start: number): {
  get(name: string, i: number): number;
  set(name: string, i: number, value: number): number;
} {
  const values = new Map<string, number>();
  return {
    get: (name, i) => values.get(`${name}/${i}`) ?? start,
    set: (name, i, value) => {
      values.set(`${name}/${i}`, value);
      return value;
    },
  };
}

describe("optimizers", () => {
  test.each([true, false])("SGD with momentum as PyTorch has it, Nesterov: %s", async (nesterov) => {
    const velocity = memory(0);
    const options = { optimizer: { kind: "sgd", momentum: 0.9, nesterov }, weightDecay: 0.01 } as const;
    await checkOptimizer(options, (name, i, w, g, rate) => {
      const v = velocity.set(name, i, 0.9 * velocity.get(name, i) + g);
      return w - rate * (nesterov ? g + 0.9 * v : v);
    });
  });

  test("RMSProp as TensorFlow has it", async () => {
    const velocity = memory(0);
    const square = memory(1);
    const options = {
      optimizer: { kind: "rmsprop", decay: 0.9, momentum: 0.8, epsilon: 1e-3 },
      weightDecay: 0.01,
    } as const;
    await checkOptimizer(options, (name, i, w, g, rate) => {
      const s = square.set(name, i, 0.9 * square.get(name, i) + 0.1 * g * g);
      return w - velocity.set(name, i, 0.8 * velocity.get(name, i) + (rate * g) / Math.sqrt(s + 1e-3));
    });
  });
});

test("weights come back as they were set, after padding and again", async () => {
  const { engine, weights } = await startEngine(graph, 5);
  expect(engine.weights()).toEqual(weights);
});

test("the average of weights follows its warm-up, and is what is evaluated and given out", async () => {
  const averaged = await startEngine(graph, 3, { emaDecay: 0.999 });
  const current = await startEngine(graph, 3);
  let want = new Map([...averaged.weights].map(([name, values]) => [name, Float64Array.from(values)]));
  for (let step = 1; step <= 5; step++) {
    averaged.engine.step(0.1);
    current.engine.step(0.1);
    const now = current.engine.weights();
    const keep = (1 + step) / (10 + step);
    want = new Map(
      [...want].map(([name, values]) => [name, values.map((old, i) => old + (1 - keep) * (now.get(name)![i]! - old))]),
    );
  }
  for (const [name, values] of averaged.engine.weights())
    expect(distance(values, want.get(name)!, 1e-3), name).toBeLessThan(1e-5);
  const { logits } = interpret(graph, { batch: 4, images: averaged.engine.images, weights: want, training: false });
  expect(distance(averaged.engine.evaluate(), logits, 1)).toBeLessThan(1e-4);
});

const tiny = buildGraph(parseArch("in8x8x3 stem8_k3_s22 r1_k3_s22_e3_i8_o8 r1_k3_s22_e3_i8_o11 head12 classes3"));

test.each([
  ["four images", graph, 4, 100],
  ["one image, down to maps of 1×1", tiny, 1, 1],
])("running statistics move towards those of a batch of %s", async (_, network, batch, fewest) => {
  const { engine } = await startEngine(network, 3, { batch, batchNormMomentum: 0.75 });
  const { images } = engine;
  const counts = new Map(network.nodes.map(({ name, shape }) => [name, batch * shape[0] * shape[1]]));
  for (const rate of rates) {
    const before = engine.weights();
    const { statistics } = interpret(network, { batch, images, weights: before, training: true });
    expect(Math.min(...[...statistics.keys()].map((name) => counts.get(name)!))).toBe(fewest);
    engine.step(rate);
    const after = engine.weights();
    for (const [name, { mean, variance }] of statistics) {
      const count = counts.get(name)!;
      const [oldMean, oldVariance] = [before.get(`${name}.mean`)!, before.get(`${name}.variance`)!];
      const means = mean.map((m, c) => 0.75 * oldMean[c]! + 0.25 * m);
      expect(distance(after.get(`${name}.mean`)!, means, 1), name).toBeLessThan(1e-5);
      // One value varies by nothing; to divide by count - 1 would make that no number.
      const unbiased = variance.map(
        (v, c) => 0.75 * oldVariance[c]! + (count > 1 ? (0.25 * v * count) / (count - 1) : 0),
      );
      expect(distance(after.get(`${name}.variance`)!, unbiased, 1), name).toBeLessThan(1e-5);
    }
  }
  const { logits } = interpret(network, { batch, images, weights: engine.weights(), training: false });
  expect(distance(engine.evaluate(), logits, 1)).toBeLessThan(1e-4);
});

test("what engines share are all gradients and all running statistics, in place", async () => {
  const { engine } = await startEngine(graph, 3);
  engine.step(0.1);
  const before = engine.weights();
  for (const array of engine.shared) array.fill(7);
  const [weights, gradients] = [engine.weights(), engine.gradients()];
  for (const { name, isTrainable } of parameters.values()) {
    expect(new Set((isTrainable ? gradients : weights).get(name)), name).toEqual(new Set([7]));
    if (isTrainable) expect(weights.get(name), name).toEqual(before.get(name));
  }
});

const bitsOf = (weights: Weights): string[] =>
  [...weights].map(([name, values]) => `${name} ${Buffer.from(values.buffer).toString("base64")}`);

function trainOn(engine: Engine, steps: number, between: (step: number) => void = () => {}): Weights {
  for (let step = 0; step < steps; step++) {
    engine.step(0.05);
    between(step);
  }
  return engine.weights();
}

describe("the same bits", () => {
  test("from two engines, at other addresses and with evaluations in between", async () => {
    const one = await startEngine(graph, 3, { emaDecay: 0.9 });
    const two = await startEngine(graph, 3, { emaDecay: 0.9 });
    const evaluated = trainOn(two.engine, 6, () => two.engine.evaluate());
    expect(bitsOf(trainOn(one.engine, 6))).toEqual(bitsOf(evaluated));
  });

  test("from an engine whose weights are set again", async () => {
    const { engine, weights } = await startEngine(graph, 3);
    const first = bitsOf(trainOn(engine, 4));
    engine.setWeights(weights);
    expect(bitsOf(trainOn(engine, 4))).toEqual(first);
  });

  test("whether or not V8 merges vectors, in optimized code", () => {
    const hashOf = (flags: readonly string[]): string =>
      execFileSync(process.execPath, ["test/engine-bits.ts", ...flags], { encoding: "utf8" }).trim();
    const merged = hashOf([]);
    // Of every machine; another engine may have another.
    expect(merged).toBe("79994ced75f1a8c014858b18788421917029939749c8dfb72cb4fd2472db21d4");
    expect(hashOf(["--no-experimental-wasm-revectorize"])).toBe(merged);
    expect(hashOf(["--liftoff-only"])).toBe(merged);
  });
});

test("says that a batch is too large for the memory there can be", async () => {
  await expect(createEngine(buildGraph(zooArch("mobilenet-v2")), { ...plain, batch: 512 })).rejects.toMatchObject({
    code: "CONFIG_INVALID",
    message: expect.stringMatching(/batches of 512: they need \d+\.\d GiB/),
  });
});

test("a loss that is not finite is reported as it is", async () => {
  const { engine } = await startEngine(graph, 3);
  engine.setWeights(
    new Map(
      [...randomWeights(graph, 3)].map(([name, values]) => [name, name === "logits.bias" ? values.fill(NaN) : values]),
    ),
  );
  expect(engine.step(0.1).loss).toBeNaN();
});
