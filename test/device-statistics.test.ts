import * as fc from "fast-check";
import { expect, test } from "vitest";
import { leastRuns, summarize, timeRuns } from "../src/device/protocol.ts";
import { median, medianInterval, quantile } from "../src/device/statistics.ts";
import { kendallTau, mape, spearman } from "../src/util/correlation.ts";
import { createRng } from "../src/util/rng.ts";

// Interpolation does not keep the sign of -0, of which there is none in times.
const number = fc.double({ min: -1e6, max: 1e6, noNaN: true }).map((value) => value + 0);
const sample = fc.array(number, { minLength: 1, maxLength: 60 });
const sort = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

test("median() does not depend on the order, and splits the samples in halves", () => {
  fc.assert(
    fc.property(sample, (values) => {
      const middle = median(values);
      expect(median(values.toReversed())).toBe(middle);
      expect(values.filter((value) => value < middle).length).toBeLessThanOrEqual(values.length / 2);
      expect(values.filter((value) => value > middle).length).toBeLessThanOrEqual(values.length / 2);
    }),
  );
});

test("quantile() grows with its share, from the least to the greatest sample", () => {
  fc.assert(
    fc.property(
      sample,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, p, q) => {
        const sorted = sort(values);
        expect(quantile(sorted, 0)).toBe(sorted[0]);
        expect(quantile(sorted, 1)).toBe(sorted.at(-1));
        // Interpolation rounds.
        expect(quantile(sorted, Math.min(p, q))).toBeLessThanOrEqual(quantile(sorted, Math.max(p, q)) + 1e-9);
      },
    ),
  );
});

test("quantile() interpolates between neighbours", () => {
  expect([0.25, 0.5, 0.9].map((q) => quantile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], q))).toEqual([3.5, 6, 10]);
  expect(median([4, 1, 3, 2])).toBe(2.5);
});

test("medianInterval() contains the median, and ends at samples", () => {
  fc.assert(
    fc.property(sample, (values) => {
      const [low, high] = medianInterval(sort(values));
      expect(low <= median(values) && median(values) <= high).toBe(true);
      expect(values).toEqual(expect.arrayContaining([low, high]));
    }),
  );
});

test("medianInterval() takes the ranks of the tables", () => {
  const ranks = (n: number) => medianInterval(Array.from({ length: n }, (_, i) => i + 1));
  expect([5, 6, 8, 9, 20, 100, 1000].map(ranks)).toEqual([
    [1, 5],
    [1, 6],
    [1, 8],
    [2, 8],
    [6, 15],
    [40, 61],
    [469, 532],
  ]);
});

test.each([9, 20, 101, 1500])("medianInterval() of %i samples covers the true median 95 times in 100", (n) => {
  const rng = createRng("coverage").fork(n);
  const tries = 2000;
  let covered = 0;
  for (let i = 0; i < tries; i++) {
    const [low, high] = medianInterval(sort(Array.from({ length: n }, () => rng.next())));
    if (low <= 0.5 && 0.5 <= high) covered += 1;
  }
  // Standard error of 2000 tries: 0.005.
  expect(covered / tries).toBeGreaterThan(0.935);
});

test("spearman() and kendallTau() see order alone", () => {
  const pairs = fc.array(fc.tuple(fc.integer({ min: -20, max: 20 }), fc.integer({ min: -20, max: 20 })), {
    minLength: 2,
    maxLength: 40,
  });
  fc.assert(
    fc.property(pairs, (all) => {
      const [a, b] = [all.map(([x]) => x), all.map(([, y]) => y)];
      fc.pre(new Set(a).size > 1 && new Set(b).size > 1);
      for (const correlation of [spearman, kendallTau]) {
        const r = correlation(a, b);
        expect(r).toBeGreaterThanOrEqual(-1 - 1e-12);
        expect(r).toBeLessThanOrEqual(1 + 1e-12);
        expect(correlation(b, a)).toBeCloseTo(r, 12);
        expect(
          correlation(
            a.map((x) => x ** 3 + 7),
            b,
          ),
        ).toBeCloseTo(r, 12);
        expect(
          correlation(
            a.map((x) => -x),
            b,
          ),
        ).toBeCloseTo(-r, 12);
        expect(correlation(a, a)).toBeCloseTo(1, 12);
      }
    }),
  );
});

test("spearman() and kendallTau() agree with figures worked out by hand", () => {
  const [a, b] = [
    [1, 2, 3, 4, 5],
    [2, 1, 4, 3, 5],
  ];
  expect(spearman(a, b)).toBeCloseTo(0.8, 12);
  expect(kendallTau(a, b)).toBeCloseTo(0.6, 12);
  expect(spearman([1, 2, 2, 3], [1, 2, 3, 4])).toBeCloseTo(4.5 / Math.sqrt(4.5 * 5), 12);
  expect(kendallTau([1, 2, 2, 3], [1, 2, 3, 4])).toBeCloseTo(5 / Math.sqrt(5 * 6), 12);
  expect(spearman([1, 1], [1, 2])).toBe(NaN);
});

test("mape() is the mean of the errors as shares, whichever way they go", () => {
  expect(mape([1.1, 1.8, 4], [1, 2, 4])).toBeCloseTo(0.2 / 3, 12);
});

test("statistics of nothing are a mistake of the caller", () => {
  expect(() => median([])).toThrow(RangeError);
  expect(() => medianInterval([])).toThrow(RangeError);
  expect(() => spearman([1], [1])).toThrow(RangeError);
  expect(() => kendallTau([1, 2], [1, 2, 3])).toThrow(RangeError);
  expect(() => mape([], [])).toThrow(RangeError);
});

/** Runs whose time is what `costMs` says of the n-th, on a clock that only they move. */
function clocked(costMs: (n: number) => number) {
  let at = 0;
  let n = 0;
  const run = async (): Promise<void> => {
    at += costMs(n);
    n += 1;
  };
  return { run, now: () => at, count: () => n };
}

test("timeRuns() warms up until runs no longer get faster, and counts none of that", async () => {
  const { run, now, count } = clocked((n) => Math.max(1, 21 - n));
  const { samples, warmup } = await timeRuns(run, { warmupMs: 10_000, minMs: 50, maxMs: 50 }, now);
  expect(new Set(samples)).toEqual(new Set([1]));
  expect(warmup).toBeGreaterThanOrEqual(25);
  expect(samples.length + warmup).toBe(count());
});

test("timeRuns() ends a warm-up that never ends", async () => {
  const { run, now } = clocked((n) => 0.9 ** n);
  const { warmup } = await timeRuns(run, { warmupMs: 5, minMs: 0, maxMs: 1 }, now);
  expect(warmup).toBe(7);
});

test("timeRuns() warms up with any clock: one that moves by itself may end it at any look", async () => {
  for (let i = 0; i < 100; i++) {
    let at = 0;
    const now = (): number => (at += 0.37 + 0.011 * i);
    const { warmup } = await timeRuns(async () => {}, { warmupMs: 20, minMs: 5, maxMs: 9 }, now);
    expect(warmup).toBeGreaterThanOrEqual(2);
  }
});

test("timeRuns() stops when the median is known, but not before the least time", async () => {
  const { run, now } = clocked(() => 2);
  const { samples } = await timeRuns(run, { minMs: 100, maxMs: 1000 }, now);
  expect(samples.length).toBeGreaterThanOrEqual(50);
  expect(samples.length).toBeLessThanOrEqual(65);
});

test("timeRuns() goes on to the longest time while the median is not known", async () => {
  const rng = createRng("noise");
  const { run, now } = clocked(() => 1 + rng.next());
  const { samples } = await timeRuns(run, { minMs: 50, maxMs: 400 }, now);
  const total = samples.reduce((sum, ms) => sum + ms, 0);
  expect(total).toBeGreaterThanOrEqual(400);
  expect(total).toBeLessThan(402);
});

test("timeRuns() gives a slow model the least number of runs", async () => {
  const { run, now } = clocked(() => 3000);
  expect(await timeRuns(run, {}, now)).toEqual({ samples: Array<number>(leastRuns).fill(3000), warmup: 2 });
});

test("timeRuns() stops between two runs when the signal aborts", async () => {
  const stop = new AbortController();
  const { run, now, count } = clocked((n) => {
    if (n === 20) stop.abort(new Error("enough"));
    return 1;
  });
  await expect(timeRuns(run, { minMs: 1e6, maxMs: 1e6, signal: stop.signal }, now)).rejects.toThrow("enough");
  expect(count()).toBe(21);
});

test("summarize() takes the runs of all rounds together", () => {
  const rounds = [
    { samples: [5, 1, 3], warmup: 2 },
    { samples: [2, 4, 60, 7], warmup: 3 },
  ];
  const timing = summarize(rounds);
  expect(timing).toMatchObject({ medianMs: 4, lowMs: 1, highMs: 60, runs: 7, warmup: 5 });
  expect(timing.p90Ms).toBeCloseTo(28.2, 12);
});
