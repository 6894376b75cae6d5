import { expect, test } from "vitest";
import { measureSteadily } from "../src/device/canary.ts";
import type { LatencyDevice, MeasureOptions } from "../src/device/device.ts";
import { MnasError } from "../src/errors.ts";
import { openMadds } from "../src/device/madds.ts";
import { timeRuns } from "../src/device/protocol.ts";
import { networkModel } from "./device-models.ts";

const network = networkModel(0.1);

/** Multiply-adds on a machine that measures, with the speed that `slowdown` gives the n-th measurement. */
function driftingDevice(slowdown: (n: number) => number) {
  const madds = openMadds();
  const calls: { readonly name: string; readonly options: MeasureOptions | undefined }[] = [];
  const device: LatencyDevice = {
    ...madds,
    origin: "native",
    measure: async (model, options) => {
      const times = slowdown(calls.length);
      calls.push({ name: model.name, options });
      const latency = await madds.measure(model, options);
      return { ...latency, medianMs: times * latency.medianMs };
    },
  };
  return { device, calls, names: () => calls.map(({ name }) => (name === network.name ? "network" : "canary")) };
}

const pauses = () => {
  const waited: number[] = [];
  return { waited, pause: async (ms: number): Promise<void> => void waited.push(ms) };
};

const measureTwo = (device: LatencyDevice) => async (): Promise<number[]> => {
  const first = await device.measure(network);
  return [first.medianMs, (await device.measure(network)).medianMs];
};

test("a canary that does not run is the fault of the device, not of a network", async () => {
  const { device } = driftingDevice(() => 1);
  const measure = async (): Promise<never> => {
    throw new MnasError("MODEL_INVALID", 'Cannot run "canary": it crashed', { hint: "Use another network." });
  };
  await expect(measureSteadily({ ...device, name: "adb", measure }, async () => {})).rejects.toMatchObject({
    code: "DEVICE_UNAVAILABLE",
    message: 'Cannot use device "adb": Cannot run "canary": it crashed',
    hint: expect.stringContaining("the device or the program on it is at fault"),
  });
});

test("measureSteadily() looks at the canary before and after a batch, and is content while it changes little", async () => {
  const { device, names } = driftingDevice((n) => 1 + 0.01 * n);
  const { waited, pause } = pauses();
  const { canary, isUnstable } = await measureSteadily(device, measureTwo(device), { pause });
  expect(names()).toEqual(["canary", "network", "network", "canary"]);
  expect(isUnstable).toBe(false);
  expect(canary!.afterMs / canary!.beforeMs).toBeCloseTo(1.03, 12);
  expect(waited).toEqual([]);
});

test.each([1.2, 0.8])(
  "a canary that takes %f times as long has the batch measured again after a pause",
  async (times) => {
    // The device changes during the first batch and stays so.
    const { device, calls } = driftingDevice((n) => (n < 2 ? 1 : times));
    const { waited, pause } = pauses();
    const { result, canary, isUnstable } = await measureSteadily(device, measureTwo(device), { pause });
    expect(calls).toHaveLength(8);
    expect(waited).toHaveLength(1);
    expect(isUnstable).toBe(false);
    expect(canary!.afterMs).toBe(canary!.beforeMs);
    expect(result[0]).toBe(result[1]);
    expect(result[0]).toBeCloseTo((times * network.madds!) / 4e6, 12);
  },
);

test("a device that never settles is measured a few times, and what it says is called unstable", async () => {
  const { device, calls } = driftingDevice((n) => 1.03 ** n);
  const { waited, pause } = pauses();
  const { isUnstable } = await measureSteadily(device, measureTwo(device), { pause });
  expect(isUnstable).toBe(true);
  expect(calls).toHaveLength(12);
  expect(waited).toHaveLength(2);
});

test("what is computed has no canary, and cannot be put under load", async () => {
  await using device = openMadds();
  const batch = measureTwo(device);
  expect(await measureSteadily(device, batch)).toMatchObject({ canary: null, isUnstable: false });
  await expect(measureSteadily(device, batch, { isSustained: true })).rejects.toMatchObject({ code: "USAGE" });
});

test("a sustained measurement loads the device once before a batch, and does not let it cool down", async () => {
  const { device, calls } = driftingDevice((n) => (n === 3 ? 2 : 1));
  const { waited, pause } = pauses();
  const { canary } = await measureSteadily(device, measureTwo(device), { isSustained: true, pause });
  expect(calls.map(({ options }) => options?.loadMs ?? 0)).toEqual([60_000, 0, 0, 0, 60_000, 0, 0, 0]);
  expect(canary!.loadMs).toBe(60_000);
  expect(waited).toEqual([]);
});

test("an interrupted pause gives the reason", async () => {
  const { device } = driftingDevice((n) => 1 + n);
  const stop = new AbortController();
  const batch = async (): Promise<void> => void setTimeout(() => stop.abort(new Error("enough")), 1);
  await expect(measureSteadily(device, batch, { signal: stop.signal })).rejects.toThrow("enough");
});

test("timeRuns() under load runs that long before it warms up, and counts that as warm-up", async () => {
  let at = 0;
  let runs = 0;
  const run = async (): Promise<void> => {
    at += 10;
    runs += 1;
  };
  const { samples, warmup } = await timeRuns(run, { loadMs: 1000, warmupMs: 20, minMs: 90, maxMs: 90 }, () => at);
  expect(warmup).toBe(100 + 2);
  expect(samples.length + warmup).toBe(runs);
});
