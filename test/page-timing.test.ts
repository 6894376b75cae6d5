import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createCallCosts } from "../web/call-costs.ts";
import { settle, timeBatches, timerGrain } from "../web/timing.ts";

/** A clock that only work moves, seen through steps of `grainMs`; looking at it takes a little. */
function coarseClock(grainMs: number) {
  let ms = 0;
  return {
    work: (forMs: number): void => void (ms += forMs),
    clock: (): number => {
      ms += 0.0001;
      return Math.floor(ms / grainMs) * grainMs;
    },
  };
}

const options = { warmupMs: 10, minMs: 50, maxMs: 100, minRuns: 9, tolerance: 0.01 };

test.each([0.005, 0.1, 1, 16])("timerGrain() finds steps of %d ms", (grainMs) => {
  expect(timerGrain(coarseClock(grainMs).clock)).toBeCloseTo(grainMs, 6);
});

test("timeBatches() knows a time to 1 % however coarse the clock is", async () => {
  const property = fc.asyncProperty(
    fc.constantFrom(0.005, 0.1, 1),
    fc.double({ min: 0.01, max: 20, noNaN: true }),
    async (grainMs, runMs) => {
      const { clock, work } = coarseClock(grainMs);
      const { samples, batch, warmup } = await timeBatches(async () => work(runMs), options, grainMs, clock);
      expect(samples.length).toBeGreaterThanOrEqual(options.minRuns);
      for (const ms of samples) expect(Math.abs(ms / runMs - 1)).toBeLessThan(0.011);
      expect(batch * runMs).toBeGreaterThanOrEqual(99 * grainMs);
      expect(warmup).toBeGreaterThan(0);
    },
  );
  await fc.assert(property, { numRuns: 50 });
});

test("timeBatches() takes larger batches when runs turn out faster than at first", async () => {
  const { clock, work } = coarseClock(1);
  let runs = 0;
  const { samples, batch } = await timeBatches(async () => work(runs++ < 200 ? 5 : 0.5), options, 1, clock);
  expect(batch).toBeGreaterThanOrEqual(200);
  for (const ms of samples) expect(ms).toBeCloseTo(0.5, 2);
});

test("settle() goes on while runs get faster, and as long again; not longer than it was told where they do not", async () => {
  const { clock, work } = coarseClock(0.005);
  const start = clock();
  let runs = 0;
  await settle(async () => work(runs++ < 40 ? 10 : 1), 500, clock);
  // Fast from 400 ms on: until twice that and 500 ms more.
  expect(clock() - start).toBeGreaterThan(1300);
  expect(clock() - start).toBeLessThan(1400);

  const constant = coarseClock(0.005);
  expect(await settle(async () => constant.work(10), 200, constant.clock)).toBeLessThanOrEqual(40);
});

test("a call is as long as the shortest of its measurements, whichever of them were disturbed", async () => {
  const costs = createCallCosts();
  const times = [3, 0.01, 5, 0.5, 0.5, 0.5, 0.004];
  const measure = async (): Promise<number> => times.shift()!;
  expect(await costs("a", measure)).toBe(0.01);
  expect(await costs("a", measure)).toBe(0.01);
  expect(await costs("b", measure)).toBe(0.5);
  expect(await costs("b", measure, true)).toBe(0.004);
  expect(await costs("b", measure)).toBe(0.004);
  expect(times).toEqual([]);
});
