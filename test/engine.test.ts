import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createEngine, type Engine, type EngineOptions } from "../src/engine/engine.ts";
import { graphOf, parametersOf, printGraph, type Graph } from "../src/graph/graph.ts";
import { apply } from "../src/graph/ops.ts";
import { createRng } from "../src/util/rng.ts";
import { crossEntropy, interpret, type Values } from "./interpreter.ts";
import { randomNetwork } from "./random-network.ts";

const plain: EngineOptions = {
  batch: 4,
  optimizer: { kind: "sgd", momentum: 0, nesterov: false },
  weightDecay: 0,
  labelSmoothing: 0.1,
  emaDecay: null,
  seed: "test",
};

/** Weights of all sizes and signs; variances positive. */
function randomWeights(graph: Graph, seed: number): Map<string, Float32Array> {
  return new Map(
    parametersOf(graph).map(({ name, shape }) => {
      const rng = createRng(`${seed}/${name}`);
      const size = shape.reduce((n, d) => n * d, 1);
      const fan = Math.max(1, size / shape.at(-1)!);
      const one = (): number => {
        if (name.endsWith("variance")) return 0.5 + rng.next();
        return name.endsWith("gamma") ? 1 + 0.5 * rng.normal() : rng.normal() / Math.sqrt(fan);
      };
      return [name, Float32Array.from({ length: size }, one)];
    }),
  );
}

async function startEngine(graph: Graph, seed: number, options: Partial<EngineOptions> = {}): Promise<{ engine: Engine; weights: Map<string, Float32Array> }> {
  const engine = await createEngine(graph, { ...plain, ...options });
  const weights = randomWeights(graph, seed);
  engine.setWeights(weights);
  const rng = createRng(seed);
  for (let i = 0; i < engine.images.length; i++) engine.images[i] = rng.normal();
  for (let i = 0; i < engine.batch; i++) engine.labels[i] = rng.int(graph.output.shape[2]);
  return { engine, weights };
}

/** The word that decides dropout in a step. */
const dropoutSeed = (step: number): number => createRng(plain.seed).fork(step).int(2 ** 32);

const largest = (values: ArrayLike<number>): number => Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Distance of two arrays, relative to the larger of `floor` and the largest value. */
function distance(got: ArrayLike<number>, want: ArrayLike<number>, floor: number): number {
  expect(got.length).toBe(want.length);
  return largest(Array.from(got, (value, i) => value - want[i]!)) / Math.max(floor, largest(want));
}

/** Loss and gradient of one step against the interpreter and its finite differences. */
async function checkStep(graph: Graph, seed: number): Promise<void> {
  const { engine, weights } = await startEngine(graph, seed);
  const images = engine.images.slice();
  const labels = engine.labels.slice();
  const run = { batch: engine.batch, images, training: true, seed: dropoutSeed(1) };
  const lossAt = (at: Values): number => crossEntropy(interpret(graph, { ...run, weights: at }).logits, labels, plain.labelSmoothing);

  // Inference first: it must leave nothing behind.
  const inference = interpret(graph, { ...run, training: false, weights });
  expect(distance(engine.evaluate(), inference.logits, 1)).toBeLessThan(2e-4);

  const { loss, correct } = engine.step(0);
  const { logits } = interpret(graph, { ...run, weights });
  const want = lossAt(weights);
  expect(Math.abs(loss - want)).toBeLessThan(2e-4 * Math.max(1, want));
  const classes = graph.output.shape[2];
  const hits = labels.filter((label, n) => logits.subarray(n * classes, (n + 1) * classes).every((z) => z <= logits[n * classes + label]!));
  expect(correct).toBe(hits.length);

  const gradients = engine.gradients();
  const scale = Math.max(...[...gradients.values()].map(largest), 1e-3);
  for (const [name, gradient] of gradients) {
    const values = weights.get(name)!;
    const along = (direction: (i: number) => number): number => {
      const epsilon = 1e-5;
      const moved = (sign: number): Values => new Map(weights).set(name, Float64Array.from(values, (w, i) => w + sign * epsilon * direction(i)) as never);
      return (lossAt(moved(1)) - lossAt(moved(-1))) / (2 * epsilon);
    };
    const rng = createRng(`${seed}/directions/${name}`);
    const signs = Array.from(values, () => (rng.next() < 0.5 ? -1 : 1));
    const inAll = gradient.reduce((sum, g, i) => sum + g * signs[i]!, 0);
    const tolerance = 1e-3 * scale;
    expect(Math.abs(inAll - along((i) => signs[i]!)), `${name}, all`).toBeLessThan(tolerance * Math.sqrt(values.length));
    for (const k of new Set([0, values.length - 1, rng.int(values.length)])) {
      expect(Math.abs(gradient[k]! - along((i) => Number(i === k))), `${name}[${k}]`).toBeLessThan(tolerance);
    }
  }
}

const networkAndSeed = fc.record({ graph: randomNetwork, seed: fc.nat({ max: 1000 }) }).map(({ graph, seed }) => ({
  graph,
  seed,
  [fc.toStringMethod]: () => `seed ${seed}\n${printGraph(graph)}`,
}));

describe("loss and gradients agree with a float64 interpreter and finite differences", () => {
  test("random networks of all ops", async () => {
    await fc.assert(
      fc.asyncProperty(networkAndSeed, ({ graph, seed }) => checkStep(graph, seed)),
      { numRuns: 150 },
    );
  });
});

void graphOf;
void apply;
