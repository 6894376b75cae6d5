import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DeviceModel, LatencyDevice } from "../../src/device/device.ts";
import { MnasError } from "../../src/errors.ts";
import { brief, networkModel } from "../device-models.ts";

const small = networkModel(0.1);
const broken: DeviceModel = {
  name: "broken.onnx",
  madds: null,
  graph: null,
  onnx: () => Uint8Array.of(1, 2, 3),
  tflite: null,
};

const isComputed = ({ origin }: LatencyDevice): boolean => origin === "proxy" || origin === "predicted";

/**
 * What every device promises. `isExact` devices give the same numbers each time. `name` is the kind, or the whole name.
 */
export function deviceConformance(name: string, isExact: boolean, open: () => Promise<LatencyDevice>): void {
  describe(name, () => {
    let device: LatencyDevice;
    beforeAll(async () => {
      device = await open();
    });
    afterAll(() => device[Symbol.asyncDispose]());

    test("says who it is, and whether it is a proxy, in every record", async () => {
      expect(device.name.split(":")[0]).toBe(name.split(":")[0]);
      expect(device.description).not.toBe("");
      const latency = await device.measure(small, brief);
      expect(latency.origin).toBe(device.origin);
      for (const text of [latency.device, latency.runtime, latency.runtimeVersion, latency.provider, latency.os])
        expect(text).not.toBe("");
      if (isComputed(device)) expect(latency.time).toBe(null);
      else expect(new Date(latency.time!).toISOString()).toBe(latency.time);
    });

    test("gives positive, finite milliseconds, the median inside its interval", async () => {
      const { medianMs, lowMs, highMs, p90Ms, overheadMs } = await device.measure(small, brief);
      for (const ms of [medianMs, lowMs, highMs, p90Ms]) expect(ms > 0 && Number.isFinite(ms)).toBe(true);
      expect(lowMs).toBeLessThanOrEqual(medianMs);
      expect(highMs).toBeGreaterThanOrEqual(medianMs);
      expect(p90Ms).toBeGreaterThanOrEqual(medianMs);
      expect(overheadMs).toBeGreaterThanOrEqual(0);
    });

    test("says how it was measured: threads, runs and warm-up, none of which a proxy has", async () => {
      const { runs, warmup, threads } = await device.measure(small, brief);
      for (const count of [runs, warmup, threads]) {
        expect(Number.isInteger(count)).toBe(true);
        expect(count > 0).toBe(!isComputed(device));
      }
    });

    test("gives a record that a database keeps as it is", async () => {
      const latency = await device.measure(small, brief);
      expect(JSON.parse(JSON.stringify(latency))).toEqual(latency);
    });

    /** The fastest of three rounds for each model: something else may run on this machine; the bench looks closer. */
    const fastest = async (models: readonly DeviceModel[]): Promise<number[]> => {
      const ms = models.map(() => Infinity);
      for (let round = 0; round < 3; round++) {
        for (const [i, model] of models.entries()) {
          ms[i] = Math.min(ms[i]!, (await device.measure(model, brief)).medianMs);
        }
      }
      return ms;
    };

    test("agrees with itself about one network", async () => {
      if (isExact) expect(await device.measure(small, brief)).toEqual(await device.measure(small, brief));
      const [first, second] = (await fastest([small, small])) as [number, number];
      const ratio = second / first;
      expect(Math.max(ratio, 1 / ratio)).toBeLessThan(3);
    });

    test("tells networks of very different cost apart", async () => {
      const latencies = await fastest([small, networkModel(0.25, 56), networkModel(0.5, 112)]);
      expect(latencies).toEqual(latencies.toSorted((a, b) => a - b));
      expect(new Set(latencies).size).toBe(latencies.length);
    });

    test("takes several requests at once", async () => {
      const all = await Promise.all([small, small, small].map((model) => device.measure(model, brief)));
      expect(all.every(({ medianMs }) => medianMs > 0)).toBe(true);
    });

    test("refuses a model that it cannot run, and goes on", async () => {
      const error: unknown = await device.measure(broken, brief).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(MnasError);
      expect(error).toMatchObject({ code: "MODEL_INVALID", message: expect.stringContaining('"broken.onnx"') });
      expect((await device.measure(small, brief)).medianMs).toBeGreaterThan(0);
    });

    test("does nothing once the signal is aborted, says why, and goes on", async () => {
      const reason = new Error("enough");
      const signal = AbortSignal.abort(reason);
      await expect(device.measure(small, { ...brief, signal })).rejects.toBe(reason);
      expect((await device.measure(small, brief)).medianMs).toBeGreaterThan(0);
    });

    test("refuses to measure when closed, and may be closed twice", async () => {
      const other = await open();
      await other[Symbol.asyncDispose]();
      await other[Symbol.asyncDispose]();
      await expect(other.measure(small, brief)).rejects.toMatchObject({
        name: "MnasError",
        code: "DEVICE_UNAVAILABLE",
      });
    });
  });
}
