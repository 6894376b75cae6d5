import fc from "fast-check";
import { expect, test } from "vitest";
import { buildGraph } from "../src/arch/build.ts";
import { resolveConfig } from "../src/config/config.ts";
import { openMadds } from "../src/device/madds.ts";
import { paretoFront } from "../src/reward/pareto.ts";
import { goesOn, leastAccuracy, type Standing } from "../src/reward/stopping.ts";
import { parseArch } from "../src/space/notation.ts";
import { createStore } from "../src/store/sqlite.ts";
import type { Store } from "../src/store/store.ts";
import { rewardTrial } from "../src/study/rewards.ts";
import { loadStudyData } from "../src/study/run-data.ts";
import type { Study } from "../src/study/study.ts";
import { setBars } from "../src/study/bars.ts";
import { expectedAccuracy } from "../src/study/guess.ts";
import { train, type Progress, type Trained } from "../src/train/trainer.ts";

/** On a small grid, so that ties are usual. */
const standing: fc.Arbitrary<Standing> = fc
  .tuple(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 1, max: 8 }))
  .map(([k, l]) => ({ accuracy: k / 8, latencyMs: l / 4, reward: (k / 8) * Math.min(1, 4 / l) }));
const standings = fc.array(standing, { maxLength: 12 });
const keep = fc.constantFrom(0.1, 0.25, 1 / 3, 0.5, 0.9);
const objective = fc.constantFrom("reward" as const, "front" as const);

test("the best so far goes on, and so does whatever no earlier network beats when the front is sought", () => {
  fc.assert(
    fc.property(standing, standings, keep, (one, earlier, share) => {
      const isBest = earlier.every(({ reward }) => reward <= one.reward);
      if (isBest) expect(goesOn(one, earlier, "reward", share)).toBe(true);
      if (paretoFront([one, ...earlier]).includes(one)) expect(goesOn(one, earlier, "front", share)).toBe(true);
    }),
  );
});

test("which goes on does not depend on the order of those before, and more accuracy never stops a network", () => {
  fc.assert(
    fc.property(standing, standings, objective, keep, (one, earlier, kind, share) => {
      const before = goesOn(one, earlier, kind, share);
      expect(goesOn(one, earlier.toReversed(), kind, share)).toBe(before);
      const better = { ...one, accuracy: one.accuracy + 1, reward: one.reward + 1 };
      if (before) expect(goesOn(better, earlier, kind, share)).toBe(true);
    }),
  );
});

test("of networks that are judged by those before them, the wanted share goes on", () => {
  const rewards = Array.from({ length: 100 }, (_, i) => ((i * 37) % 100) / 100);
  const before = rewards.map((reward) => ({ accuracy: reward, latencyMs: 1, reward }));
  for (const share of [0.25, 0.5])
    for (const kind of ["reward", "front"] as const)
      expect(before.filter((one) => goesOn(one, before, kind, share)).length).toBeCloseTo(100 * share, -0.5);
  const slower = { accuracy: 0, latencyMs: 0.5, reward: 0 };
  expect([goesOn(slower, before, "reward", 0.5), goesOn(slower, before, "front", 0.5)]).toEqual([false, true]);
});

test("the least accuracy that passes is exact where it can be reached", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 0, max: 1000 }), (count, k) => {
      const bar = Math.min(1, k / count);
      expect(leastAccuracy((accuracy) => accuracy >= bar)).toBe(bar);
    }),
  );
  expect(leastAccuracy(() => false)).toBe(Infinity);
});

test("what a stopped training would have ended with lies between the median of those that ended and its rank", () => {
  const others = [
    { atRung: 0.6, accuracy: 0.8 },
    { atRung: 0.2, accuracy: 0.9 },
  ];
  expect([0.2, 0.3, 0.7].map((atRung) => expectedAccuracy(atRung, others))).toEqual(
    [0.825, 0.85, 0.875].map((x) => expect.closeTo(x, 12)),
  );
  expect(expectedAccuracy(0.1, others.slice(1))).toBe(0.9);
});

const network = "in28x28x1 stem8_k3_s22 r1_k3_s22_conv_i8_o8 head0 classes10";
const dataset = await loadStudyData({ data: "fashion-mnist", seed: 0, size: null });

function studyOf(store: Store, stopping: { rungs: number[]; keep: number }): Study {
  const config = resolveConfig({ stopping, batch: 2 }, "the options");
  const run = { dir: "run", store, [Symbol.dispose]: () => {} };
  const signal = new AbortController().signal;
  return { run, store, config, dataset, device: openMadds(), targetMs: 1, signal, emit: () => {} };
}

/** A trial that took as long as this, was so accurate at its rungs, and ended like this unless it still runs. */
function add(store: Store, number: number, medianMs: number, rungs: readonly number[], accuracy?: number | null): void {
  const key = { phase: "search" as const, number };
  store.add([{ ...key, genotype: [], notation: `network ${number}`, params: 1, madds: 1 }]);
  store.measured(key, { medianMs });
  store.claim({ worker: `w${number}`, now: 0, leaseMs: 1e9 });
  store.reached(key, `w${number}`, rungs);
  if (accuracy === null) store.stop(key, `w${number}`, { rungs, seconds: 1, reason: "" });
  else if (accuracy !== undefined)
    store.complete(key, `w${number}`, { accuracy, testAccuracy: null, seconds: 1, rungs });
}

const barsOf = (store: Store) => store.trials("search").map(({ bars }) => bars);

test("bars are rewards of all trials before, at the latency of the trial", () => {
  using store = createStore(":memory:");
  const study = studyOf(store, { rungs: [0.25, 0.5], keep: 0.5 });
  add(store, 0, 1, [0.4, 0.6], 0.8);
  add(store, 1, 1, [0.2, 0.7], 0.9);
  add(store, 2, 1.25, [0.5]);
  setBars(study);
  // One of the two before may be better. Above the target the hard reward is accuracy × target / latency.
  expect(barsOf(store)).toEqual([null, null, [expect.closeTo(0.25, 12)]]);
  store.reached({ phase: "search", number: 2 }, "w2", [0.5, 0.8]);
  setBars(study);
  setBars(study);
  expect(barsOf(store)[2]).toEqual([expect.closeTo(0.25, 12), expect.closeTo(0.75, 12)]);
});

test("a trial waits at a rung for those before it, also of its own batch, until they have been there or ended", () => {
  using store = createStore(":memory:");
  const study = studyOf(store, { rungs: [0.25, 0.5], keep: 0.5 });
  add(store, 0, 1, []);
  add(store, 1, 1, [0.5]);
  setBars(study);
  expect(barsOf(store)).toEqual([null, null]);
  store.reached({ phase: "search", number: 0 }, "w0", [0.6]);
  setBars(study);
  // The first has nobody to measure up to; the second must be as good as the first.
  expect(barsOf(store)).toEqual([[0], [expect.closeTo(0.6, 12)]]);
  add(store, 2, 1, [0.7, 0.7]);
  setBars(study);
  setBars(study);
  expect(barsOf(store)[2]).toHaveLength(1);
  store.stop({ phase: "search", number: 1 }, "w1", { rungs: [0.5], seconds: 1, reason: "" });
  store.fail({ phase: "search", number: 0 }, "w0", "its loss left the numbers");
  setBars(study);
  expect(barsOf(store)[2]).toEqual([expect.closeTo(0.5, 12), 0]);
});

test("a stopped trial is rewarded by a guess of its accuracy, at its own latency", () => {
  using store = createStore(":memory:");
  const study = studyOf(store, { rungs: [0.25, 0.5], keep: 0.5 });
  add(store, 0, 1, [0.4, 0.6], 0.8);
  add(store, 1, 1, [0.2, 0.7], 0.9);
  add(store, 2, 0.5, [0.1], null);
  add(store, 3, 2, [0.5, 0.65], null);
  // Of the next batch.
  add(store, 4, 1, [0.1, 0.9], 0.1);
  const rewards = store.trials("search").map((trial) => rewardTrial(study, trial));
  expect(rewards).toEqual([0.8, 0.9, 0.825, 0.85 / 2, 0.1].map((x) => expect.closeTo(x, 12)));
});

test("a guess counts those of the trial's own batch that ended, also after it", () => {
  using store = createStore(":memory:");
  const study = studyOf(store, { rungs: [0.25, 0.5], keep: 0.5 });
  add(store, 0, 1, [0.3], null);
  add(store, 1, 1, [0.2, 0.7], 0.9);
  expect(rewardTrial(study, store.trials("search")[0]!)).toBeCloseTo(0.9, 12);
});

test("a network counts once, and one that waits for the result of another holds nobody up", () => {
  using store = createStore(":memory:");
  const study = studyOf(store, { rungs: [0.5], keep: 0.5 });
  const key = (number: number) => ({ phase: "search" as const, number });
  add(store, 0, 1, [0.8], 0.9);
  for (const number of [1, 2])
    store.add([{ ...key(number), genotype: [], notation: "network 0", params: 1, madds: 1 }]);
  store.reuse(key(1), 0);
  add(store, 3, 1, [0.5], 0.6);
  add(store, 4, 1, [0.7]);
  setBars(study);
  // The better half of 0.8, 0.5 and itself goes on. With 0.8 counted twice it would have to be as good as that.
  expect(barsOf(store)[4]).toEqual([expect.closeTo(0.5, 12)]);
});

interface Told {
  readonly result: Trained;
  readonly told: readonly Pick<Progress, "step" | "accuracy">[];
  readonly batches: readonly number[];
}

async function trained(rungs: readonly number[]): Promise<Told> {
  const recipe = { ...resolveConfig({}, "").proxy, epochs: 0.2, minSteps: 0, batch: 32, emaDecay: 0.9 };
  const training = train({ graph: buildGraph(parseArch(network)), dataset, recipe, seed: "s", rungs });
  const [told, batches]: [Pick<Progress, "step" | "accuracy">[], number[]] = [[], []];
  for (;;) {
    const { done, value } = await training.next();
    if (done === true) return { result: value, told, batches };
    batches.push(value.batchAccuracy);
    if (value.accuracy !== null) told.push(value);
  }
}

test("at a rung a training tells the accuracy of the later half of its steps, and ends in the same bits", async () => {
  const [plain, withRungs] = [await trained([]), await trained([0.25, 0.5])];
  expect(plain.told).toEqual([]);
  expect(withRungs.told.map(({ step }) => step / plain.batches.length)).toEqual([
    expect.closeTo(0.25, 1),
    expect.closeTo(0.5, 1),
  ]);
  for (const { step, accuracy } of withRungs.told) {
    const half = plain.batches.slice(step >> 1, step);
    expect(accuracy).toBeCloseTo(half.reduce((sum, one) => sum + one, 0) / half.length, 12);
  }
  expect(withRungs.result.accuracy).toBe(plain.result.accuracy);
  expect(withRungs.result.weights).toEqual(plain.result.weights);
});

test("stopping is off, on, or has rungs that rise and a share, and is refused where nobody judges on the way", () => {
  const of = (stopping: unknown, more: object = {}) => resolveConfig({ stopping, ...more }, "my.ts").stopping;
  expect(resolveConfig({}, "my.ts").stopping).toBe(null);
  expect(of(false)).toBe(null);
  expect(of(true)).toEqual(of({}));
  expect(of({ rungs: [0.1], keep: 0.9 })).toEqual({ rungs: [0.1], keep: 0.9 });
  for (const wrong of [{ rungs: [] }, { rungs: [0.5, 0.25] }, { rungs: [1] }, { keep: 1 }, { keep: 0 }, { eta: 3 }])
    expect(() => of(wrong), JSON.stringify(wrong)).toThrow("Cannot use my.ts");
  expect(() => of(true, { evaluate: { command: ["x"] } })).toThrow("stopping needs a trainer");
});
