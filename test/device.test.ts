import { expect, test } from "vitest";
import { parseCores } from "../src/device/cores.ts";
import { deviceNames, openDevice } from "../src/device/open.ts";
import { deviceConformance } from "./contract/device.ts";
import { brief, networkModel } from "./device-models.ts";

deviceConformance("host", false, () => openDevice("host"));
deviceConformance("madds", true, () => openDevice("madds"));

test("the contract holds for every device that openDevice() knows", () => {
  expect(deviceNames).toEqual(["host", "madds"]);
});

test("openDevice() names the devices there are", async () => {
  await expect(openDevice("pixel")).rejects.toMatchObject({
    code: "DEVICE_UNAVAILABLE",
    message: 'Cannot open device "pixel": no such device',
    hint: "Use one of host, madds.",
  });
});

test("madds takes a millisecond for 4 million multiply-adds, and never builds the model", async () => {
  await using device = await openDevice("madds");
  const onnx = (): never => expect.unreachable("the proxy needs no model");
  expect(await device.measure({ name: "any", madds: 6e6, graph: null, onnx, tflite: null })).toMatchObject({
    medianMs: 1.5,
    origin: "proxy",
  });
});

test("host names the runtime that the model ran in", async () => {
  await using device = await openDevice("host");
  const latency = await device.measure(networkModel(0.1), brief);
  expect(latency).toMatchObject({ runtime: "ONNX Runtime", provider: "CPU", threads: 1 });
  expect(latency.runtimeVersion).toMatch(/^\d+\.\d+\.\d+/);
  expect(device.description).toBe(`${latency.device}, 1 thread, ONNX Runtime ${latency.runtimeVersion} CPU`);
});

test("parseCores() reads a list of ranges, and spreads over a long one", () => {
  expect(parseCores("0")).toEqual([0]);
  expect(parseCores("0-2,5,7-8")).toEqual([0, 1, 2, 5, 7, 8]);
  expect(parseCores("0-63")).toEqual([0, 8, 16, 24, 32, 40, 48, 56]);
});
