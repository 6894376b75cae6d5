import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { buildGraph } from "../src/arch/build.ts";
import { printGraph, type Graph } from "../src/graph/graph.ts";
import { parseArch } from "../src/space/notation.ts";
import { createRng } from "../src/util/rng.ts";
import { crossEntropy, interpret, type Values } from "./interpreter.ts";
import { randomNetwork } from "./random-network.ts";
import { distance, largest, plain, startEngine } from "./start-engine.ts";

/** The word that decides dropout in a step. */
const dropoutSeed = (step: number): number =>
  createRng(plain.seed)
    .fork(step)
    .int(2 ** 32);

/**
 * Loss and gradients of one step against the interpreter and its finite differences: along a random direction for each
 * array, and for some single weights.
 */
async function checkStep(
  graph: Graph,
  seed: number,
  { batch = plain.batch, withSingle = true }: { readonly batch?: number; readonly withSingle?: boolean },
): Promise<void> {
  const { engine, weights } = await startEngine(graph, seed, { batch });
  const images = engine.images.slice();
  const labels = engine.labels.slice();
  const run = { batch: engine.batch, images, training: true, seed: dropoutSeed(1) };
  const lossAt = (at: Values): number =>
    crossEntropy(interpret(graph, { ...run, weights: at }).logits, labels, plain.labelSmoothing);

  // Inference first: it must leave nothing behind.
  const inference = interpret(graph, { ...run, training: false, weights });
  expect(distance(engine.evaluate(), inference.logits, 1)).toBeLessThan(2e-4);

  const { loss, correct } = engine.step(0);
  const { logits } = interpret(graph, { ...run, weights });
  const want = lossAt(weights);
  expect(Math.abs(loss - want)).toBeLessThan(2e-4 * Math.max(1, want));
  const classes = graph.output.shape[2];
  const hits = labels.filter((label, n) =>
    logits.subarray(n * classes, (n + 1) * classes).every((z) => z <= logits[n * classes + label]!),
  );
  expect(correct).toBe(hits.length);

  const gradients = engine.gradients();
  const scale = Math.max(...[...gradients.values()].map(largest), 1e-3);
  for (const [name, gradient] of gradients) {
    const values = weights.get(name)!;
    /** Derivative along a direction, and how far the two sides of it differ: much where an activation has its kink. */
    const along = (direction: (i: number) => number): { slope: number; kink: number } => {
      const epsilon = 1e-6;
      const lossAfter = (sign: number): number =>
        lossAt(
          new Map<string, ArrayLike<number>>(weights).set(
            name,
            Float64Array.from(values, (w, i) => w + sign * epsilon * direction(i)),
          ),
        );
      const [up, down] = [lossAfter(1), lossAfter(-1)];
      return { slope: (up - down) / (2 * epsilon), kink: Math.abs(up - 2 * want + down) / epsilon };
    };
    const check = (
      what: string,
      got: number,
      { slope, kink }: { slope: number; kink: number },
      tolerance: number,
    ): void => expect(Math.abs(got - slope), `${name}, ${what}`).toBeLessThan(tolerance + kink);
    const rng = createRng(`${seed}/directions/${name}`);
    const signs = Array.from(values, () => (rng.next() < 0.5 ? -1 : 1));
    const inAll = gradient.reduce((sum, g, i) => sum + g * signs[i]!, 0);
    // By the array's own size, but for what rounding leaves of gradients that cancel.
    const tolerance = Math.max(1e-3 * largest(gradient), 1e-4 * scale);
    check(
      "all",
      inAll,
      along((i) => signs[i]!),
      tolerance * Math.sqrt(values.length),
    );
    for (const k of withSingle ? new Set([0, values.length - 1, rng.int(values.length)]) : []) {
      check(
        `at ${k}`,
        gradient[k]!,
        along((i) => Number(i === k)),
        tolerance,
      );
    }
  }
}

const networkAndSeed = fc
  .record({ graph: randomNetwork, seed: fc.nat({ max: 1000 }), batch: fc.constantFrom(1, 3, 4, 5) })
  .map(({ graph, seed, batch }) => ({
    graph,
    seed,
    batch,
    [fc.toStringMethod]: () => `seed ${seed}, batch ${batch}\n${printGraph(graph)}`,
  }));

describe("loss and gradients agree with a float64 interpreter and finite differences", () => {
  test("random networks of all ops", async () => {
    await fc.assert(
      fc.asyncProperty(networkAndSeed, ({ graph, seed, batch }) => checkStep(graph, seed, { batch })),
      { numRuns: 250 },
    );
  });

  // Their layers take several blocks of rows, groups of images and chunks of channels.
  test.each([
    "in19x18x3 stem12_k3_s22 r1_k3_s11_e1_i12_o10_noskip r2_k5_s22_e6_i10_o14_se0.25 r1_k3_s11_conv_i14_o9_pool_hswish head40 classes5",
    "in6x5x3 stem8_k3_s11 r1_k3_s11_e1_i8_o128_se0.25_hswish r1_k3_s22_e3_i128_o128_se0.25_relu6 r1_k5_s11_e1_i128_o8_se0.5 head128 classes3",
    // So wide that expansions are made in several bands.
    "in9x100x1 stem8_k1_s11 r1_k3_s22_e12_i8_o8_noskip head8 classes3",
    "in40x38x1 stem8_k3_s22_relu6 r1_k7_s22_e6_i8_o8_relu6 r1_k3_s11_e3_i8_o8_se0.5_pact head24 drop0.2 classes3",
  ])("%s", async (notation) => {
    await checkStep(buildGraph(parseArch(notation)), 7, { withSingle: false });
  });
});
