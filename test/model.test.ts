import fc from "fast-check";
import { expect, test } from "vitest";
import { hypervolume } from "../src/reward/pareto.ts";
import { acquisitionOf } from "../src/search/acquisition.ts";
import { expectedAccuracies } from "../src/search/expectation.ts";
import { createGaussianProcess, packed, type Kernel, type Point } from "../src/search/gaussian-process.ts";
import { createRng } from "../src/util/rng.ts";
import { spaceOf } from "./contract/searcher.ts";

const unpacked = ({ choices }: Point): number[] => [...choices].flatMap((word) => [word & 0xffff, word >>> 16]);

test("choices are packed as they are", () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 65_535 })), (genotype) => {
      const choices = unpacked({ choices: packed(genotype), features: new Float64Array(0) });
      expect(choices.slice(0, genotype.length)).toEqual(genotype);
      expect(choices.slice(genotype.length).every((choice) => choice === 0)).toBe(true);
    }),
  );
});

const kernelOf = ({ decay, linear }: Kernel, a: Point, b: Point): number => {
  const differing = unpacked(a).filter((choice, i) => choice !== unpacked(b)[i]).length;
  const product = a.features.reduce((sum, x, i) => sum + x * b.features[i]!, 0);
  return Math.exp(-decay * differing) + linear * product;
};

/** Solves A x = b by Gauss and Jordan. */
function solve(matrix: readonly (readonly number[])[], b: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, b[i]!]);
  for (let p = 0; p < rows.length; p++) {
    const pivot = rows[p]!.map((x) => x / rows[p]![p]!);
    rows[p] = pivot;
    for (let r = 0; r < rows.length; r++) {
      if (r === p) continue;
      const factor = rows[r]![p]!;
      rows[r] = rows[r]!.map((x, i) => x - factor * pivot[i]!);
    }
  }
  return rows.map((row) => row.at(-1)!);
}

const anyPoint = fc.record({
  choices: fc.array(fc.nat({ max: 2 }), { minLength: 5, maxLength: 5 }).map(packed),
  features: fc
    .array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 2, maxLength: 2 })
    .map((list) => Float64Array.from(list)),
});
const anyKernel = fc.record({
  decay: fc.double({ min: 0.05, max: 1, noNaN: true }),
  linear: fc.double({ min: 0, max: 2, noNaN: true }),
  noise: fc.double({ min: 0.05, max: 0.5, noNaN: true }),
});

test("a Gaussian process says what the formulas with inverses say", () => {
  const any = fc.record({
    kernel: anyKernel,
    seen: fc.array(fc.tuple(anyPoint, fc.double({ min: -1, max: 1, noNaN: true })), { minLength: 2, maxLength: 12 }),
    asked: fc.array(anyPoint, { minLength: 1, maxLength: 4 }),
  });
  fc.assert(
    fc.property(any, ({ kernel, seen, asked }) => {
      const process = createGaussianProcess({ ...kernel, noise: 1 });
      for (const [point, value] of seen) process.add(point, value);
      process.refit(kernel);
      const mean = seen.reduce((sum, [, value]) => sum + value, 0) / seen.length;
      const values = seen.map(([, value]) => value - mean);
      const matrix = seen.map(([a], i) => seen.map(([b], j) => kernelOf(kernel, a, b) + (i === j ? kernel.noise : 0)));
      const weights = solve(matrix, values);
      const scale = values.reduce((sum, value, i) => sum + value * weights[i]!, 0) / seen.length;
      const { means, variances, assume } = process.predict(asked);
      expect(process.means(asked)).toEqual(means);
      const variance = (point: Point, more: readonly Point[]): number => {
        const all = [...seen.map(([one]) => one), ...more];
        const covariances = all.map((a, i) => all.map((b, j) => kernelOf(kernel, a, b) + (i === j ? kernel.noise : 0)));
        const column = all.map((one) => kernelOf(kernel, one, point));
        const solved = solve(covariances, column);
        return scale * (kernelOf(kernel, point, point) - column.reduce((sum, k, i) => sum + k * solved[i]!, 0));
      };
      asked.forEach((point, i) => {
        const column = seen.map(([one]) => kernelOf(kernel, one, point));
        expect(means[i]).toBeCloseTo(mean + column.reduce((sum, k, j) => sum + k * weights[j]!, 0), 6);
        expect(variances[i]).toBeCloseTo(variance(point, []), 6);
      });
      assume(0);
      asked.forEach((point, i) => expect(variances[i]).toBeCloseTo(variance(point, [asked[0]!]), 6));
    }),
    { numRuns: 60 },
  );
});

test("what the front gains by a network is the hypervolume that it adds", () => {
  const anyMetrics = fc.record({
    accuracy: fc.integer({ min: 10, max: 20 }).map((n) => n / 20),
    latencyMs: fc.integer({ min: 1, max: 10 }),
  });
  fc.assert(
    fc.property(fc.array(anyMetrics, { minLength: 2, maxLength: 12 }), anyMetrics, anyMetrics, (seen, a, b) => {
      const acquisition = acquisitionOf({ kind: "front" }, seen);
      const slowest = 1.1 * Math.max(...seen.map(({ latencyMs }) => latencyMs));
      const fastest = seen.toSorted((x, y) => x.latencyMs - y.latencyMs || y.accuracy - x.accuracy)[0]!;
      const best = Math.max(...seen.map(({ accuracy }) => accuracy));
      const height = Math.max(1e-9, best - fastest.accuracy);
      const corner = { accuracy: fastest.accuracy - 0.1 * height, latencyMs: slowest };
      const added = (now: readonly (typeof a)[], one: typeof a): number =>
        (hypervolume([...now, one], corner) - hypervolume(now, corner)) / (height * slowest);
      const check = (now: readonly (typeof a)[], one: typeof a): void => {
        const gain = added(now, one);
        const score = acquisition.score([], one);
        if (gain > 1e-9) expect(score / gain).toBeCloseTo(1, 9);
        else expect(score).toBeLessThan(1e-9);
      };
      check(seen, a);
      acquisition.assume(a);
      check([...seen, a], b);
    }),
  );
});

test("expected accuracies lie between a network's own result and those of networks like it, and are nearer the truth", () => {
  const space = spaceOf(Array.from({ length: 6 }, () => 3));
  const rng = createRng(5);
  const truth = (genotype: readonly number[]): number => 0.7 + 0.02 * genotype.reduce((sum, choice) => sum + choice, 0);
  const results = Array.from({ length: 120 }, () => {
    const genotype = space.decisions.map(({ choices }) => rng.int(choices.length));
    return { genotype, accuracy: truth(genotype) + 0.02 * rng.normal() };
  });
  const expected = expectedAccuracies(space, undefined, results);
  const errorOf = (values: readonly number[]): number =>
    Math.sqrt(values.reduce((sum, value, i) => sum + (value - truth(results[i]!.genotype)) ** 2, 0) / values.length);
  expect(errorOf(expected)).toBeLessThan(0.75 * errorOf(results.map(({ accuracy }) => accuracy)));
  expect(expectedAccuracies(space, undefined, results.slice(0, 5))).toEqual(
    results.slice(0, 5).map(({ accuracy }) => accuracy),
  );
});
