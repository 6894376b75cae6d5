import * as fc from "fast-check";
import { expect, test } from "vitest";
import { latencyAt, speedupOf } from "../src/study/speedup.ts";
import { createRng } from "../src/util/rng.ts";
import { mean, studentQuantile, variance, welchInterval } from "../src/util/welch.ts";

test.each([
  // From tables of the t distribution, two-sided 95 %.
  [1, 12.7062],
  [2, 4.3027],
  [3, 3.1824],
  [4, 2.7764],
  [10, 2.2281],
  [30, 2.0423],
  [120, 1.9799],
])("studentQuantile(%d) is that of the tables", (freedom, t) => {
  expect(studentQuantile(freedom)).toBeCloseTo(t, 3);
});

test("studentQuantile() falls as there are more degrees of freedom, whole or not", () => {
  const freedom = fc.double({ min: 1, max: 60, noNaN: true });
  fc.assert(
    fc.property(freedom, freedom, (a, b) => {
      fc.pre(Math.abs(a - b) > 0.01);
      expect(studentQuantile(Math.min(a, b))).toBeGreaterThan(studentQuantile(Math.max(a, b)));
    }),
    { numRuns: 20 },
  );
  expect(() => studentQuantile(0.5)).toThrow("at least 1");
});

test("welchInterval() gives the interval of a worked example, and none of single values", () => {
  // Means 3 and 7, variances 1 and 4, 3 and 3 values: standard error √(5/3), 2.941176 degrees of freedom.
  const { difference, low, high } = welchInterval([2, 3, 4], [5, 7, 9])!;
  expect(difference).toBe(-4);
  const half = studentQuantile(2.941_176) * Math.sqrt(5 / 3);
  expect([low, high]).toEqual([expect.closeTo(-4 - half, 4), expect.closeTo(-4 + half, 4)]);
  expect(welchInterval([1], [1, 2])).toBe(null);
  expect(welchInterval([1, 1], [2, 2])).toEqual({ difference: -1, low: -1, high: -1 });
});

test("the interval holds the true difference about 95 times in 100, with 3 values each that vary differently", () => {
  const rng = createRng("welch");
  const draw = (middle: number, deviation: number) => [0, 1, 2].map(() => middle + deviation * rng.normal());
  const held = Array.from({ length: 400 }, () => {
    const { low, high } = welchInterval(draw(1, 0.5), draw(0, 1))!;
    return low <= 1 && 1 <= high;
  });
  expect(mean(held.map(Number))).toBeGreaterThan(0.92);
  expect(mean(held.map(Number))).toBeLessThan(0.99);
  expect(variance([1, 2, 3])).toBe(1);
});

const points = [
  { latencyMs: 2, accuracy: 0.9 },
  { latencyMs: 1, accuracy: 0.8 },
  { latencyMs: 4, accuracy: 0.92 },
];

test("latencyAt() lies between the baselines around an accuracy, and is a bound where none are around it", () => {
  expect(latencyAt(0.85, points)).toEqual({ latencyMs: expect.closeTo(1.5, 9), bound: "exact" });
  expect(latencyAt(0.91, points)).toEqual({ latencyMs: expect.closeTo(3, 9), bound: "exact" });
  expect(latencyAt(0.95, points)).toEqual({ latencyMs: 4, bound: "atLeast" });
  expect(latencyAt(0.7, points)).toEqual({ latencyMs: 1, bound: "atMost" });
  expect(latencyAt(0.8, points)).toEqual({ latencyMs: 1, bound: "exact" });
  expect(() => latencyAt(0.8, [])).toThrow(RangeError);
});

const share = fc.double({ min: 0, max: 1, noNaN: true });
const somePoints = fc.array(fc.record({ latencyMs: fc.double({ min: 0.1, max: 9, noNaN: true }), accuracy: share }), {
  minLength: 1,
  maxLength: 6,
});

test("latencyAt() is never outside the baselines, and grows with accuracy", () => {
  fc.assert(
    fc.property(somePoints, share, share, (some, a, b) => {
      const latencies = some.map(({ latencyMs }) => latencyMs);
      const [low, high] = [latencyAt(Math.min(a, b), some), latencyAt(Math.max(a, b), some)].map(
        (one) => one.latencyMs,
      );
      expect(low).toBeGreaterThanOrEqual(Math.min(...latencies));
      expect(high).toBeLessThanOrEqual(Math.max(...latencies) * (1 + 1e-12));
      expect(low).toBeLessThanOrEqual(high! * (1 + 1e-12));
    }),
  );
});

const trained = (name: string, latencyMs: number, ...accuracies: number[]) => ({ name, latencyMs, accuracies });

test("speedupOf() has an interval around its ratio, wider where trainings differ more", () => {
  const baselines = (spread: number) => [
    trained("a", 1, 0.8 - spread, 0.8, 0.8 + spread),
    trained("b", 2, 0.9 - spread, 0.9, 0.9 + spread),
  ];
  const near = speedupOf(trained("n", 0.5, 0.849, 0.85, 0.851), baselines(0.001), createRng(1));
  expect(near).toMatchObject({ ratio: expect.closeTo(3, 9), bound: "exact", hasInterval: true });
  expect(near.low).toBeGreaterThan(2.9);
  expect(near.high).toBeLessThan(3.1);
  const wide = speedupOf(trained("n", 0.5, 0.83, 0.85, 0.87), baselines(0.02), createRng(1));
  expect(wide.low!).toBeLessThan(near.low!);
  expect(wide.high!).toBeGreaterThan(near.high!);
  expect(speedupOf(trained("n", 0.5, 0.83, 0.85, 0.87), baselines(0.02), createRng(1))).toEqual(wide);
});

test("speedupOf() says where it is only a bound, and how sure even that is", () => {
  const baselines = [trained("a", 1, 0.79, 0.8, 0.81), trained("b", 2, 0.89, 0.9, 0.91)];
  expect(speedupOf(trained("n", 1, 0.98, 0.99), baselines, createRng(1))).toEqual({
    ratio: 2,
    bound: "atLeast",
    low: 2,
    high: null,
    hasInterval: true,
  });
  // Just above: another set of seeds may well have put it below.
  const close = speedupOf(trained("n", 1, 0.9, 0.91), baselines, createRng(1));
  expect(close).toMatchObject({ ratio: 2, bound: "atLeast", high: null });
  expect(close.low).toBeLessThan(2);
  expect(speedupOf(trained("n", 1, 0.5, 0.51), baselines, createRng(1))).toMatchObject({
    ratio: 1,
    bound: "atMost",
    low: null,
    high: 1,
  });
  expect(speedupOf(trained("n", 1, 0.85), [trained("a", 1, 0.8), trained("b", 2, 0.9)], createRng(1))).toEqual({
    ratio: expect.closeTo(1.5, 9),
    bound: "exact",
    low: null,
    high: null,
    hasInterval: false,
  });
});
