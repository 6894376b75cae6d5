import * as fc from "fast-check";
import { expect, test } from "vitest";
import { leastRuns } from "../src/device/protocol.ts";
import { createSlicer, type Sliced } from "../src/device/slices.ts";

const runMs = 2;
const idleMs = 0.2;
const paceMs = 0.1;
const options = { warmupMs: 30, minMs: 300, maxMs: 600 };

/** A machine whose neighbour makes all work take `slowness(t)` times as long, and a slicer that times by its clock. */
function machine(slowness: (t: number) => number) {
  let t = 0;
  const work = (ms: number) => async (): Promise<number> => {
    const start = t;
    // In steps, since a neighbour may come and go meanwhile.
    for (let left = ms; left > 1e-9; left -= 0.05) t += Math.min(left, 0.05) * slowness(t);
    return t - start;
  };
  const moves: number[] = [];
  const sliced: Sliced = {
    withSession: (use) => use(work(runMs)),
    idle: work(idleMs),
    pace: work(paceMs),
    move: async () => void moves.push(t),
  };
  return { sliced, moves, work, now: () => t, time: createSlicer(() => t) };
}

test("a calm machine is timed for as long as was asked, and not longer", async () => {
  const { sliced, moves, time, now } = machine(() => 1);
  const { timing, overheadMs, isUnstable } = await time(sliced, options);
  expect(timing.medianMs).toBeCloseTo(runMs, 6);
  expect(overheadMs).toBeCloseTo(idleMs, 6);
  expect(isUnstable).toBe(false);
  expect(timing.runs * runMs).toBeGreaterThanOrEqual(300);
  expect(timing.runs * runMs).toBeLessThan(330);
  expect(now()).toBeLessThan(500);
  expect(moves).toEqual([0]);
});

test("runs that differ much are timed for the longest time", async () => {
  const { sliced, work, time } = machine(() => 1);
  let i = 0;
  const uneven: Sliced = { ...sliced, withSession: (use) => use(async () => work(i++ % 2 === 0 ? 1.5 : 2.5)()) };
  const { timing, isUnstable } = await time(uneven, options);
  expect(timing.runs * runMs).toBeGreaterThan(500);
  expect(timing.runs * runMs).toBeLessThanOrEqual(620);
  expect(isUnstable).toBe(false);
});

test("sessions that take long to load, and differ, count alike", async () => {
  const { sliced, work, time } = machine(() => 1);
  let session = 0;
  const slow: Sliced = {
    ...sliced,
    withSession: async (use) => {
      await work(3000)();
      return use(work([2, 2.2, 2.4][session++]!));
    },
  };
  const { timing, isUnstable } = await time(slow, options);
  expect(isUnstable).toBe(false);
  expect(timing.medianMs).toBeCloseTo(2.2, 6);
  expect([timing.lowMs, timing.highMs].every((ms) => ms > 1.9 && ms < 2.5)).toBe(true);
  expect(timing.runs * 2.2).toBeGreaterThan(290);
});

test("what only one session was calm for is unstable", async () => {
  let calmFrom = 0;
  const { sliced, time, now } = machine((t) => (t < calmFrom ? 2 : 1));
  await time(sliced, options);
  // Each session waits for a second.
  calmFrom = now() + 2200;
  expect((await time(sliced, options)).isUnstable).toBe(true);
  expect((await time(sliced, options)).isUnstable).toBe(false);
});

const spells = fc.array(
  fc.record({
    calmMs: fc.double({ min: 20, max: 80, noNaN: true }),
    loudMs: fc.double({ min: 5, max: 150, noNaN: true }),
    slowness: fc.double({ min: 1.25, max: 3, noNaN: true }),
  }),
  { minLength: 1, maxLength: 10 },
);

test("a neighbour who comes and goes does not change what a model takes", async () => {
  await fc.assert(
    fc.asyncProperty(spells, async (list) => {
      const period = list.reduce((sum, { calmMs, loudMs }) => sum + calmMs + loudMs, 0);
      const { sliced, time } = machine((t) => {
        let left = t % period;
        for (const { calmMs, loudMs, slowness } of list) {
          if (left < calmMs) return 1;
          if (left < calmMs + loudMs) return slowness;
          left -= calmMs + loudMs;
        }
        return 1;
      });
      const { timing, overheadMs, isUnstable } = await time(sliced, options);
      expect(isUnstable).toBe(false);
      expect(timing.medianMs).toBeCloseTo(runMs, 6);
      expect(overheadMs).toBeCloseTo(idleMs, 6);
    }),
    { numRuns: 40 },
  );
});

test("what was slow when the first model was timed is known once the machine is calm", async () => {
  const { sliced, time } = machine((t) => (t < 200 ? 2 : 1));
  expect((await time(sliced, options)).timing.medianMs).toBeCloseTo(runMs, 6);
});

test("a machine that is never calm is given up in time, by its calmest slices, and looks for other cores", async () => {
  let isLoud = false;
  const { sliced, moves, time, now } = machine((t) => (isLoud ? 1.5 + (t % 100) / 100 : 1));
  await time(sliced, options);
  isLoud = true;
  moves.length = 0;
  const began = now();
  const { timing, isUnstable } = await time(sliced, options);
  expect(isUnstable).toBe(true);
  expect(timing.medianMs).toBeLessThan(1.7 * runMs);
  expect(now() - began).toBeLessThan(10 * options.minMs + 300);
  expect(moves.length).toBeGreaterThan(10);
});

test("a machine that stays slower, for example because it is hot, is taken to be so", async () => {
  let slowness = 1;
  const { sliced, time } = machine(() => slowness);
  await time(sliced, options);
  slowness = 1.3;
  const unstable: boolean[] = [];
  while (unstable.length < 10) unstable.push((await time(sliced, options)).isUnstable);
  expect(unstable[0]).toBe(true);
  expect(unstable.at(-1)).toBe(false);
  expect((await time(sliced, options)).timing.medianMs).toBeCloseTo(1.3 * runMs, 6);
});

test("a slow model has its fewest runs all the same, and load comes before it is timed", async () => {
  const { sliced, work, time, now } = machine(() => 1);
  const slow: Sliced = { ...sliced, withSession: (use) => use(work(400)) };
  const { timing, isUnstable } = await time(slow, { ...options, loadMs: 5000 });
  expect(timing.runs).toBeGreaterThanOrEqual(leastRuns);
  expect(timing.medianMs).toBeCloseTo(400, 6);
  expect(timing.warmup).toBeGreaterThanOrEqual(5000 / 400);
  expect(isUnstable).toBe(false);
  expect(now()).toBeGreaterThan(5000);
});

test("load does not use up the time in which calm slices are waited for", async () => {
  const { sliced, time } = machine((t) => (t > 1000 && t < 6800 ? 2 : 1));
  await time(sliced, options);
  expect((await time(sliced, { ...options, loadMs: 5500 })).isUnstable).toBe(false);
});

test("a slow model is waited for too when it is disturbed", async () => {
  const { sliced, work, time } = machine((t) => (t % 4000 < 2000 ? 2 : 1));
  const slow: Sliced = { ...sliced, withSession: (use) => use(work(400)) };
  const { timing, isUnstable } = await time(slow, options);
  expect(isUnstable).toBe(false);
  expect(timing.medianMs).toBeCloseTo(400, 6);
});
