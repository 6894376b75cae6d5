import { expect, test } from "vitest";
import { resolveConfig, type UserConfig } from "../src/config/config.ts";
import { openMadds } from "../src/device/madds.ts";
import { archOf } from "../src/space/arch.ts";
import { createStore } from "../src/store/sqlite.ts";
import type { Store } from "../src/store/store.ts";
import { networkOf } from "../src/arch/network.ts";
import { taskOf } from "../src/data/task.ts";
import { comparisonsOf } from "../src/study/comparisons.ts";
import { bestTraining, finalNetworks, finalRows } from "../src/study/final-row.ts";
import { finalPlanner } from "../src/study/final-plan.ts";
import { loadStudyData } from "../src/study/run-data.ts";
import type { Study } from "../src/study/study.ts";

const dataset = await loadStudyData(resolveConfig({}, "the options"));
const device = openMadds();

/** A study whose search found one network of the space, and what plans its finals. */
function studyOf(settings: UserConfig): { store: Store; plan: ReturnType<typeof finalPlanner> } {
  const config = resolveConfig({ finalSeeds: 2, baselines: 4, ...settings }, "the options");
  const store = createStore(":memory:");
  const genotype = config.space.decisions.map(() => 0);
  const { notation, costs } = networkOf(archOf(config.space, genotype, taskOf(dataset)));
  store.set("testCount", 2000);
  store.add([{ phase: "search", number: 0, genotype, notation, ...costs }]);
  store.measured({ phase: "search", number: 0 }, { medianMs: 2, origin: "proxy" });
  store.claim({ worker: "w", now: 0, leaseMs: 1 });
  store.complete({ phase: "search", number: 0 }, "w", { accuracy: 0.8, testAccuracy: null, seconds: 1 });
  const signal = new AbortController().signal;
  const run = { dir: "run", store, [Symbol.dispose]: () => {} };
  const study: Study = { run, store, config, dataset, device, targetMs: 2, signal, emit: () => {} };
  return { store, plan: finalPlanner(study) };
}

/** Ends every open training with the accuracy that is given for its name and seed; null fails it. */
function trainAll(store: Store, accuracyOf: (name: string, seed: number) => number | null): void {
  for (const trial of store.trials("final")) {
    if (trial.state !== "waiting") continue;
    store.measured(trial, { medianMs: trial.reference === null ? 2 : trial.madds / 4e6 });
    const claimed = store.claim({ worker: "w", now: 0, leaseMs: 1 })!;
    const accuracy = accuracyOf(claimed.reference ?? "finalist", claimed.seed);
    if (accuracy === null) store.fail(claimed, "w", "diverged");
    else store.complete(claimed, "w", { accuracy, testAccuracy: accuracy, seconds: 1 });
  }
}

/** The names of the networks that are planned until the plan stays, round by round. */
async function rounds(
  { store, plan }: ReturnType<typeof studyOf>,
  accuracyOf: (name: string, seed: number) => number | null,
): Promise<string[][]> {
  const said: string[][] = [];
  for (;;) {
    const wanted = await plan();
    const names = [...new Set(wanted.map(({ reference }) => reference ?? "finalist"))];
    if (names.length === said.at(-1)?.length) return said;
    said.push(names);
    store.replaceFinals(wanted);
    trainAll(store, accuracyOf);
  }
}

test("baselines get slower until one is as accurate as the finalist", async () => {
  const { store, plan } = studyOf({});
  let baselines = 0;
  const seen = new Map<string, number>();
  const accuracyOf = (name: string, seed: number): number => {
    if (name === "finalist") return 0.9 + 0.002 * seed;
    if (!seen.has(name)) seen.set(name, 0.88 + 0.015 * baselines++);
    return seen.get(name)! + 0.002 * seed;
  };
  const said = await rounds({ store, plan }, accuracyOf);
  // 0.88, 0.895 and 0.91: the third is above 0.9, and a fourth is not needed.
  expect(said.map((names) => names.length)).toEqual([2, 3, 4]);
  const rows = finalRows({ dir: "run", store });
  expect(rows.map(({ seeds }) => seeds.length)).toEqual([2, 2, 2, 2]);
  const [, ...times] = rows.map(({ latencyMs }) => latencyMs!);
  expect(times[1]! / times[0]!).toBeCloseTo(1.4, 0);
  expect(times[2]! / times[1]!).toBeCloseTo(1.4, 0);
  const [comparison] = comparisonsOf(rows);
  expect(comparison).toMatchObject({ gain: expect.closeTo(0.02, 9), isClear: true, speedup: { bound: "exact" } });
  const { ratio, low, high } = comparison!.speedup;
  expect(ratio).toBeGreaterThan(times[1]! / 2);
  expect(ratio).toBeLessThan(times[2]! / 2);
  expect(low! < ratio && ratio < high!).toBe(true);
  // Planned anew from the record, as after a kill, it is the same.
  expect((await plan()).map(({ notation, seed }) => [notation, seed])).toEqual(
    store.trials("final").map(({ notation, seed }) => [notation, seed]),
  );
});

test("no more baselines are trained than the config allows, and the ratio is then a lower bound", async () => {
  const study = studyOf({ baselines: 2 });
  const said = await rounds(study, (name, seed) => (name === "finalist" ? 0.95 : 0.8) + 0.001 * seed);
  expect(said.map((names) => names.length)).toEqual([2, 3]);
  expect(comparisonsOf(finalRows({ dir: "run", store: study.store }))).toMatchObject([
    { speedup: { bound: "atLeast", high: null } },
  ]);
});

test("no baseline is trained, and nothing compared, where none is wanted", async () => {
  const study = studyOf({ baselines: 0 });
  expect(await rounds(study, () => 0.9)).toEqual([["finalist"]]);
  expect(comparisonsOf(finalRows({ dir: "run", store: study.store }))).toEqual([]);
});

test("where the baseline that is as fast is better, faster ones are tried", async () => {
  const study = studyOf({ baselines: 3 });
  await rounds(study, (name, seed) => (name === "finalist" ? 0.7 : 0.8) + 0.001 * seed);
  const [finalist, ...times] = finalRows({ dir: "run", store: study.store }).map(({ latencyMs }) => latencyMs!);
  expect(times).toHaveLength(3);
  expect(times.slice(0, 2).every((time) => time < finalist!)).toBe(true);
  expect(comparisonsOf(finalRows({ dir: "run", store: study.store }))).toMatchObject([
    { isClear: true, speedup: { bound: "atMost" } },
  ]);
});

test("a network is judged by the trainings that succeeded, and its model is the best of these on validation", async () => {
  const study = studyOf({ finalSeeds: 3, baselines: 1 });
  await rounds(study, (name, seed) => (name === "finalist" ? [0.7, null, 0.72][seed]! : seed === 0 ? 0.7 : null));
  const [finalist, baseline] = finalRows({ dir: "run", store: study.store });
  expect(finalist).toMatchObject({
    state: "complete",
    testAccuracy: expect.closeTo(0.71, 9),
    reason: "seed 1: diverged",
    number: 2,
  });
  expect(baseline).toMatchObject({ state: "complete", testAccuracy: 0.7, testDeviation: null });
  expect(comparisonsOf([finalist!, baseline!])).toMatchObject([{ low: null, isClear: null }]);
  const { trainings } = finalNetworks(study.store)[0]!;
  expect(bestTraining(trainings)?.seed).toBe(2);
  // The best on test is another one.
  const fooled = trainings.map((one) => ({ ...one, testAccuracy: one.seed === 0 ? 0.99 : 0.1 }));
  expect(bestTraining(fooled)?.seed).toBe(2);
});

test("a network of which all trainings failed is a failed one, and is compared with nothing", async () => {
  const study = studyOf({});
  const said = await rounds(study, (name) => (name === "finalist" ? null : 0.8));
  expect(said).toHaveLength(1);
  const rows = finalRows({ dir: "run", store: study.store });
  expect(rows[0]).toMatchObject({
    state: "failed",
    testAccuracy: null,
    model: null,
    reason: "seed 0: diverged; seed 1: diverged",
  });
  expect(comparisonsOf(rows)).toEqual([]);
});
