import { expect, test } from "vitest";
import { resolveConfig } from "../src/config/config.ts";
import { MnasError } from "../src/errors.ts";
import type { LatencyDevice } from "../src/device/device.ts";
import { openMadds } from "../src/device/madds.ts";
import { parseArch } from "../src/space/notation.ts";
import { createStore } from "../src/store/sqlite.ts";
import type { Store, Trial } from "../src/store/store.ts";
import { measureBatch } from "../src/study/batch.ts";
import { networkOf } from "../src/arch/network.ts";
import { taskOf } from "../src/data/task.ts";
import { trialRow, type SearchEvent } from "../src/study/events.ts";
import { rewardTrial } from "../src/study/rewards.ts";
import { measureTrials } from "../src/study/measure.ts";
import { referenceFinder } from "../src/study/reference.ts";
import { loadStudyData } from "../src/study/run-data.ts";
import type { Study } from "../src/study/study.ts";

const config = resolveConfig({ gate: 1.5 }, "the options");
const dataset = await loadStudyData(config);

/** Multiply-adds on a machine that is busy, and so half as fast, in the n-th measurement of a network. */
function busyDevice(isBusy: (name: string, n: number) => boolean): { device: LatencyDevice; names: string[] } {
  const madds = openMadds();
  const names: string[] = [];
  const device: LatencyDevice = {
    ...madds,
    measure: async (model, options) => {
      const n = names.filter((name) => name === model.name).length;
      names.push(model.name);
      const latency = await madds.measure(model, options);
      return isBusy(model.name, n) ? { ...latency, medianMs: 2 * latency.medianMs, isUnstable: true } : latency;
    },
  };
  return { device, names };
}

const costsMs = (notation: string): number => networkOf(parseArch(notation)).costs.madds / 4e6;

function studyOf(store: Store, device: LatencyDevice, targetMs: number): { study: Study; events: SearchEvent[] } {
  const events: SearchEvent[] = [];
  const signal = new AbortController().signal;
  const run = { dir: "run", store, [Symbol.dispose]: () => {} };
  return { events, study: { run, store, config, dataset, device, targetMs, signal, emit: (e) => events.push(e) } };
}

test("an accuracy has the standard error of the validation images, where it is known on which it was judged", () => {
  using store = createStore(":memory:");
  const accurate = { number: 0, accuracy: 0.8 } as Trial;
  expect(trialRow(store, accurate).accuracyError).toBe(null);
  store.set("validationCount", 400);
  expect(trialRow(store, accurate).accuracyError).toBeCloseTo(0.02, 12);
  expect(trialRow(store, { ...accurate, accuracy: null }).accuracyError).toBe(null);
  // As for 399.5 and for 0.5 of the images.
  for (const accuracy of [1, 0])
    expect(trialRow(store, { ...accurate, accuracy }).accuracyError).toBeCloseTo(0.0017667, 6);
});

test("what was measured while the machine was busy is measured again, before the gate", async () => {
  using store = createStore(":memory:");
  const networks = [8, 12, 16].map((filters) => `in28x28x1 stem8_k3_s22 r1_k3_s22_conv_i8_o${filters} head0 classes10`);
  const [passing, hopeless, quiet] = networks;
  const { device, names } = busyDevice((name, n) => (name === passing && n === 0) || name === hopeless);
  store.add(
    networks.map((notation, number) => ({ phase: "search", number, genotype: [], notation, params: 1, madds: 1 })),
  );
  // Over the gate when it was busy, under it when it was not.
  const targetMs = (1.2 / config.gate) * costsMs(passing!);
  const { study, events } = studyOf(store, device, targetMs);
  await measureBatch(study, 0, 3);
  expect(names).toEqual([passing, hopeless, quiet, passing, hopeless]);
  const [a, b, c] = store.trials("search");
  expect([a, b, c].map((trial) => trial!.latency!.isUnstable)).toEqual([false, true, false]);
  expect([a, b].map((trial) => trial!.state)).toEqual(["waiting", "pruned"]);
  expect(events.filter(({ event }) => event === "warning")).toEqual([
    {
      event: "warning",
      message: "the device was not stable while it measured run#1: what is marked may be too high",
      subject: "run#1",
    },
  ]);
});

test("a network that the device cannot run, or that nothing can hold, fails and is rewarded as one at the gate", async () => {
  using store = createStore(":memory:");
  const notations = [
    "in28x28x1 stem8_k3_s22 r1_k3_s22_conv_i8_o16 head0 classes10",
    "in28x28x1 stem8_k3_s22 r1_k3_s22_conv_i8_o17 head0 classes10",
    "in28x28x1 stem8_k3_s22 r999_k3_s22_conv_i8_o16 head0 classes10",
  ];
  const madds = openMadds();
  const device: LatencyDevice = {
    ...madds,
    measure: async (model, options) => {
      if (model.name === notations[1]) throw new MnasError("MODEL_INVALID", `Cannot run "${model.name}": it crashed`);
      return madds.measure(model, options);
    },
  };
  store.add(
    notations.map((notation, number) => ({ phase: "search", number, genotype: [], notation, params: 1, madds: 1 })),
  );
  const { study, events } = studyOf(store, device, 1);
  await measureBatch(study, 0, 3);
  const [runs, crashes, large] = store.trials("search");
  expect(runs).toMatchObject({ state: "waiting" });
  const reason = `Cannot run "${notations[1]}": it crashed`;
  expect(crashes).toMatchObject({ state: "failed", latency: null, reason });
  expect(large).toMatchObject({ state: "failed", latency: null, reason: expect.stringContaining("999 layers") });
  // Warnings name the trial, as commands take it, and not the whole network.
  expect(events.filter(({ event }) => event === "warning")).toEqual([
    { event: "warning", message: 'run#1 failed: Cannot run "run#1": it crashed', subject: "run#1" },
    { event: "warning", message: expect.stringMatching(/^run#2 failed: .*999 layers/), subject: "run#2" },
  ]);
  expect(rewardTrial(study, crashes!)).toBeCloseTo(0.1 / config.gate);
});

test("a device that drifts all the time has its batch measured again, and marked; what it was at first is kept", async () => {
  using store = createStore(":memory:");
  const madds = openMadds();
  let n = 0;
  const device: LatencyDevice = {
    ...madds,
    origin: "native",
    measure: async (model, options) => {
      const latency = await madds.measure(model, options);
      return { ...latency, medianMs: latency.medianMs * 1.1 ** n++ };
    },
  };
  const notation = "in28x28x1 stem8_k3_s22 r1_k3_s22_conv_i8_o16 head0 classes10";
  const add = (number: number) => store.add([{ phase: "search", number, genotype: [], notation, params: 1, madds: 1 }]);
  const { study, events } = studyOf(store, device, 1);
  const quick = { ...study, pause: async () => {} };
  add(0);
  await measureTrials(quick, store.trials("search"));
  const [trial] = store.trials("search");
  // Three attempts of canary, network, canary.
  expect(n).toBe(9);
  expect(trial!.latency).toMatchObject({ medianMs: expect.closeTo(1.1 ** 7 * costsMs(notation), 9), isUnstable: true });
  expect(trial!.latency!.canary).toMatchObject({ loadMs: 0 });
  const first = store.get("canary") as { ms: number };
  expect(events.filter(({ event }) => event === "warning")).toHaveLength(1);
  add(1);
  await measureTrials(quick, store.trials("search"));
  expect(store.get("canary")).toEqual(first);
  expect(
    events.filter(({ event }) => event === "warning").map((event) => "message" in event && event.message),
  ).toContain("the device is 136 % slower than when the search began; latencies of then and now differ by as much");
});

test("widths of the reference that were measured are not measured again, and the search can be stopped meanwhile", async () => {
  using store = createStore(":memory:");
  const { device, names } = busyDevice(() => false);
  const stop = new AbortController();
  const find = () => referenceFinder(store, device, taskOf(dataset), stop.signal);
  const { name, latency } = await find()(0.5);
  const count = names.length;
  expect(count).toBeGreaterThan(2);
  const again = await find()(0.5);
  expect([again.name, again.latency]).toEqual([name, latency]);
  expect(names).toHaveLength(count);
  stop.abort(new Error("enough"));
  await expect(find()(5)).rejects.toThrow("enough");
});
