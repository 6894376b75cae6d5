import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAdam } from "../src/search/adam.ts";
import { createController, type Controller } from "../src/search/controller.ts";
import { forwardCell } from "../src/search/lstm.ts";
import { addProduct, matrix, transposed } from "../src/search/matmul.ts";
import { surrogate } from "../src/search/ppo.ts";
import { createRng } from "../src/util/rng.ts";

/** A controller with weights so large that its gates bend. */
function wildController(choices: readonly number[], seed: number): Controller {
  const rng = createRng(seed);
  const controller = createController(choices, { hidden: 3, embedding: 2 }, rng);
  controller.weights.forEach((_, i) => (controller.weights[i] = 0.8 * rng.normal()));
  return controller;
}

const sampled = (controller: Controller, count: number, seed: number): number[][] =>
  controller.sample(Array.from({ length: count }, (_, i) => createRng(seed).fork(i)));

/** Logarithm of the probability of each sequence as a whole. */
function jointLogProbs(controller: Controller, sequences: readonly (readonly number[])[]): number[] {
  const { logProbs } = controller.evaluate(sequences);
  return sequences.map((sequence, b) => sequence.reduce((sum, _, t) => sum + logProbs[t * sequences.length + b]!, 0));
}

const allSequences = (choices: readonly number[]): number[][] =>
  choices.reduce<number[][]>(
    (found, n) => found.flatMap((head) => Array.from({ length: n }, (_, c) => [...head, c])),
    [[]],
  );

/** Central differences of `value` by each weight. */
function differences(weights: Float64Array, value: () => number): number[] {
  const step = 1e-5;
  return Array.from(weights, (weight, i) => {
    weights[i] = weight + step;
    const above = value();
    weights[i] = weight - step;
    const below = value();
    weights[i] = weight;
    return (above - below) / (2 * step);
  });
}

function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  const worst = Math.max(...Array.from(expected, (x, i) => Math.abs(x - actual[i]!) / (1e-2 + Math.abs(x))));
  expect(worst).toBeLessThan(1e-6);
}

const anyChoices = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });

describe("the gradient of the surrogate agrees with finite differences", () => {
  const choices = [2, 4, 1, 3, 2];
  const clip = 0.2;
  /** What the ratios are, and the signs of the advantages: on both sides of the clip, both ways, and within it. */
  const ratios = [0.5, 0.5, 0.9, 1.1, 1.7, 1.7, 1];
  const advantages = [1.3, -0.7, 0.4, -1.1, 0.8, -2, 0.6];

  test.each([0, 0.3])("with an entropy bonus of %d", (entropyWeight) => {
    const controller = wildController(choices, 11);
    const sequences = sampled(controller, ratios.length, 5);
    const oldLogProbs = jointLogProbs(controller, sequences).map((joint, b) => joint - Math.log(ratios[b]!));
    const options = { clip, entropyWeight, oldLogProbs };
    const { value, gradient } = surrogate(controller, sequences, advantages, options);

    // min(r × a, clip(r) × a), term by term.
    const terms = [0.5 * 1.3, 0.8 * -0.7, 0.9 * 0.4, 1.1 * -1.1, 1.2 * 0.8, 1.7 * -2, 0.6];
    const entropy = controller.evaluate(sequences).entropies.reduce((sum, x) => sum + x, 0);
    expect(value).toBeCloseTo(-(terms.reduce((sum, x) => sum + x, 0) + entropyWeight * entropy) / 7, 12);
    expectClose(
      gradient,
      differences(controller.weights, () => surrogate(controller, sequences, advantages, options).value),
    );
  });

  test("for any decisions", () => {
    fc.assert(
      fc.property(anyChoices, fc.nat(), fc.integer({ min: 1, max: 5 }), (any, seed, count) => {
        const controller = wildController(any, seed);
        const rng = createRng(seed).fork("advantages");
        const sequences = sampled(controller, count, seed);
        const oldLogProbs = jointLogProbs(controller, sequences).map(
          (joint) => joint + (rng.next() < 0.5 ? 0.1 : -0.5),
        );
        const weights = sequences.map(() => rng.normal());
        const options = { clip, entropyWeight: 0.1, oldLogProbs };
        const { gradient } = surrogate(controller, sequences, weights, options);
        expectClose(
          gradient,
          differences(controller.weights, () => surrogate(controller, sequences, weights, options).value),
        );
      }),
      { numRuns: 20 },
    );
  });

  test("and is zero where every sample is clipped", () => {
    const controller = wildController(choices, 3);
    const sequences = sampled(controller, 2, 1);
    const oldLogProbs = jointLogProbs(controller, sequences).map((joint, b) => joint - [0.5, -0.5][b]!);
    const { gradient } = surrogate(controller, sequences, [1, -1], { clip, entropyWeight: 0, oldLogProbs });
    expect(gradient.every((x) => x === 0)).toBe(true);
  });
});

test("the probabilities of all sequences sum to one, and their mean surprise is the mean entropy", () => {
  fc.assert(
    fc.property(anyChoices, fc.nat(), (choices, seed) => {
      const controller = wildController(choices, seed);
      const sequences = allSequences(choices);
      const probabilities = jointLogProbs(controller, sequences).map(Math.exp);
      expect(probabilities.reduce((sum, p) => sum + p, 0)).toBeCloseTo(1, 10);
      // The chain rule of entropy, which holds only when each step is conditioned on those before it.
      const { entropies } = controller.evaluate(sequences);
      const surprise = probabilities.reduce((sum, p) => sum - p * Math.log(p), 0);
      const chained = entropies.reduce((sum, entropy, i) => sum + entropy * probabilities[i % sequences.length]!, 0);
      expect(chained).toBeCloseTo(surprise, 10);
    }),
  );
});

test("sequences are sampled as often as they are probable", () => {
  const choices = [3, 2, 2];
  const controller = wildController(choices, 8);
  const count = 5000;
  const drawn = sampled(controller, count, 21).map((sequence) => sequence.join());
  const sequences = allSequences(choices);
  const expected = jointLogProbs(controller, sequences).map((joint) => count * Math.exp(joint));
  expect(Math.min(...expected)).toBeGreaterThan(5);
  expect(Math.max(...expected)).toBeGreaterThan((2 * count) / sequences.length);
  const chiSquare = sequences.reduce((sum, sequence, i) => {
    const seen = drawn.filter((each) => each === sequence.join()).length;
    return sum + (seen - expected[i]!) ** 2 / expected[i]!;
  }, 0);
  // The 99.9 % quantile for 11 degrees of freedom.
  expect(chiSquare).toBeLessThan(31.26);
});

test("each decision knows all choices before it, and none after it", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat({ max: 3 }), (seed, at) => {
      const controller = wildController([2, 2, 2, 2], seed);
      const sequence = sampled(controller, 1, seed)[0]!;
      const other = sequence.with(at, 1 - sequence[at]!);
      const [before, after] = [sequence, other].map((each) => [...controller.evaluate([each]).entropies]);
      expect(after!.slice(0, at + 1)).toEqual(before!.slice(0, at + 1));
      for (let t = at + 1; t < 4; t++) expect(after![t]).not.toBe(before![t]);
    }),
  );
});

test("a sequence depends on its own random stream, not on those drawn beside it", () => {
  fc.assert(
    fc.property(anyChoices, fc.nat(), fc.integer({ min: 1, max: 9 }), (choices, seed, count) => {
      const controller = wildController(choices, seed);
      const alone = Array.from({ length: count }, (_, i) => controller.sample([createRng(seed).fork(i)])[0]);
      expect(sampled(controller, count, seed)).toEqual(alone);
    }),
  );
});

test("a cell is that of the textbook", () => {
  const cell = {
    gates: Float64Array.of(0.3, -0.4, 0.9, 1.2),
    states: Float64Array.of(0.7, 0),
    squashed: new Float64Array(1),
    outputs: new Float64Array(2),
  };
  forwardCell(cell, 0, 1, 1);
  const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
  const state = sigmoid(-0.4) * 0.7 + sigmoid(0.3) * Math.tanh(0.9);
  expect(cell.states[1]).toBeCloseTo(state, 14);
  expect(cell.outputs[1]).toBeCloseTo(sigmoid(1.2) * Math.tanh(state), 14);
});

test("addProduct() adds what the definition of a product gives, transposed or not", () => {
  const size = fc.integer({ min: 1, max: 9 });
  fc.assert(
    fc.property(size, size, size, fc.boolean(), fc.boolean(), fc.nat(), (m, n, k, turnA, turnB, seed) => {
      const rng = createRng(seed);
      const filled = (length: number): Float64Array => Float64Array.from({ length }, () => rng.int(19) - 9);
      const [x, y, z] = [filled(m * k + 3), filled(k * n + 2), filled(m * n + 1)];
      const a = (i: number, p: number): number => x[3 + (turnA ? p * m + i : i * k + p)]!;
      const b = (p: number, j: number): number => y[2 + (turnB ? j * k + p : p * n + j)]!;
      const expected = z.map((old, at) => {
        if (at === 0) return old;
        const [i, j] = [Math.floor((at - 1) / n), (at - 1) % n];
        return Array.from({ length: k }, (_, p) => a(i, p) * b(p, j)).reduce((sum, v) => sum + v, old);
      });
      const left = turnA ? transposed(matrix(x, m, 3)) : matrix(x, k, 3);
      const right = turnB ? transposed(matrix(y, k, 2)) : matrix(y, n, 2);
      addProduct(m, n, k, left, right, matrix(z, n, 1));
      expect(z).toEqual(expected);
    }),
  );
});

test("Adam takes steps of its rate whatever the size of the gradient, and comes to rest at a minimum", () => {
  for (const size of [1e-3, 1, 1e6]) {
    const weights = Float64Array.of(0, 0);
    createAdam(2, 0.1).step(weights, Float64Array.of(size, -size));
    expect(weights[0]).toBeCloseTo(-0.1, 5);
    expect(weights[1]).toBeCloseTo(0.1, 5);
  }
  const weights = Float64Array.of(3, -2);
  const adam = createAdam(2, 0.05);
  for (let i = 0; i < 1500; i++)
    adam.step(
      weights,
      weights.map((weight, j) => 2 * (weight - j)),
    );
  expect(weights[0]).toBeCloseTo(0, 3);
  expect(weights[1]).toBeCloseTo(1, 3);
});
