import type { Latency } from "../src/latency.ts";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { measureSteadily } from "../src/device/canary.ts";
import { openAdb } from "../src/device/adb/device.ts";
import { combine } from "../src/device/adb/rounds.ts";
import type { LatencyDevice } from "../src/device/device.ts";
import { openDevice } from "../src/device/open.ts";
import { makePhones, type Phones } from "./adb/phones.ts";
import { replay } from "./adb/replay.ts";
import { brief, networkModel } from "./device-models.ts";
import { scratch, start } from "./mnas.ts";

const space = scratch();
let phones: Phones;
const network = networkModel(0.1);
const hold = (): string => join(phones.root, "data/hold");

beforeAll(() => {
  phones = makePhones(join(space.dir, "phones"));
});
beforeEach(() => {
  for (const [name, value] of Object.entries(phones.env)) vi.stubEnv(name, value);
  vi.stubEnv("MNAS_ONNXRUNTIME_PERF_TEST", phones.env["MNAS_BENCHMARK_MODEL"]);
});
afterEach(() => {
  rmSync(hold(), { force: true });
  vi.unstubAllEnvs();
});
afterAll(() => space[Symbol.dispose]());

interface Played {
  readonly latency?: Latency;
  readonly error?: unknown;
  readonly description?: string;
}

/** Opens a device over a transcript, measures once, and closes; all calls of the transcript are made. */
async function play(transcript: string, rest: string): Promise<Played> {
  const adb = replay(transcript);
  let device: LatencyDevice | undefined;
  const played = await (async (): Promise<Played> => {
    try {
      device = await openAdb(rest === "" || rest.startsWith("@") ? `adb${rest}` : `adb:${rest}`, rest, {}, adb);
      return { latency: await device.measure(network), description: device.description };
    } catch (error) {
      return { error };
    }
  })();
  await device?.[Symbol.asyncDispose]();
  expect(adb.rest()).toEqual([]);
  return played;
}

const spread = (tool: string): string =>
  `the interval supposes that runs are normal: ${tool} gives their spread, not each`;
const noMedian = "the median is the mean: this benchmark_model gives no median";
const noQuantiles = "p90 is the slowest run: this benchmark_model gives no quantiles";

test.each([
  {
    transcript: "android-9-tflite-1.14",
    rest: "",
    says: {
      device: "Pixel 2 XL (msm8998)",
      os: "Android 9 (SDK 28, PQ3A.190801.002)",
      runtime: "LiteRT benchmark_model",
      provider: "CPU, cores f0",
      medianMs: 44.8223,
      p90Ms: 45.344,
      runs: 21,
      warmup: 15,
      notes: [spread("benchmark_model"), noMedian, noQuantiles],
      temperatureC: { before: 28.4, after: 29.1 },
    },
  },
  {
    transcript: "android-13-tflite-2.12",
    rest: "RFCT40ABCDE@f0",
    says: {
      device: "SM-S901B (s5e9925)",
      os: "Android 13 (SDK 33, TP1A.220624.014)",
      runtime: "LiteRT benchmark_model",
      provider: "XNNPACK and CPU, cores f0",
      medianMs: 11.4529,
      p90Ms: 12.871,
      runs: 81,
      warmup: 51,
      notes: [spread("benchmark_model"), noMedian, noQuantiles],
      temperatureC: { before: 30.1, after: 31.2 },
    },
  },
  {
    transcript: "android-15-litert",
    rest: "",
    says: {
      device: "Pixel 8 (Tensor G3)",
      os: "Android 15 (SDK 35, AP4A.250105.002)",
      runtime: "LiteRT benchmark_model",
      provider: "XNNPACK, cores 100",
      medianMs: 8.101,
      p90Ms: 8.41,
      runs: 72,
      warmup: 42,
      notes: [spread("benchmark_model"), "p90 is the 95th percentile, which benchmark_model gives"],
      temperatureC: { before: 27.6, after: 28.8 },
    },
  },
  {
    transcript: "android-15-onnx",
    rest: "@onnx",
    says: {
      device: "Pixel 8 (Tensor G3)",
      os: "Android 15 (SDK 35, AP4A.250105.002)",
      runtime: "ONNX Runtime",
      provider: "CPU, cores 100",
      medianMs: 9.81,
      p90Ms: 10.2,
      runs: 90,
      warmup: 3,
      notes: [spread("onnxruntime_perf_test")],
      temperatureC: { before: 27.6, after: 28.8 },
    },
  },
])("$transcript: a record says what the tool gave, and where", async ({ transcript, rest, says }) => {
  const { latency, error } = await play(transcript, rest);
  expect(error).toBe(undefined);
  const { medianMs, p90Ms, ...others } = says;
  expect(latency).toMatchObject({ ...others, overheadMs: 0, threads: 1, origin: "native", isUnstable: false });
  expect(latency!.medianMs).toBeCloseTo(medianMs, 9);
  expect(latency!.p90Ms).toBeCloseTo(p90Ms, 9);
  expect(latency!.runtimeVersion).toMatch(/^unknown, SHA-256 [0-9a-f]{12}$/);
});

test.each([
  ["unauthorized", "", "DEVICE_UNAVAILABLE", "the phone does not trust this computer", 'accept its prompt "Allow USB'],
  ["no-device", "", "DEVICE_UNAVAILABLE", "no phone is connected", "USB debugging on"],
  [
    "several-devices",
    "",
    "DEVICE_UNAVAILABLE",
    "several phones",
    "ANDROID_SERIAL: adb:3A071FDJH00ABC, adb:RFCT40ABCDE",
  ],
  ["no-permissions", "", "DEVICE_UNAVAILABLE", "may not use the USB device", "udev rules"],
  ["full-disk", "", "DEVICE_UNAVAILABLE", "the storage of the phone is full", "Free some space"],
  ["unplugged", "", "DEVICE_UNAVAILABLE", "the phone is not connected", "Plug it in again"],
  [
    "refused-model",
    "",
    "MODEL_INVALID",
    "Didn't find op for builtin opcode 'CONV_2D' version '9'",
    "a newer benchmark_model may know",
  ],
  ["wrong-processor", "", "DEVICE_UNAVAILABLE", "the phone cannot start benchmark_model", "ro.product.cpu.abi"],
  ["larger-pages", "", "DEVICE_UNAVAILABLE", "the phone has larger pages of memory", "built for pages of 16 KB"],
  ["unknown-output", "", "DEVICE_UNAVAILABLE", "has no times that mnas knows (Results", "android_aarch64"],
  ["refused-cores", "@f00", "DEVICE_UNAVAILABLE", "it cannot run on cores f00", "Choose other cores"],
  ["out-of-memory", "", "DEVICE_UNAVAILABLE", "benchmark_model was killed", "short of memory"],
])("%s: an error says what is wrong and what to do", async (transcript, rest, code, message, hint) => {
  expect((await play(transcript, rest)).error).toMatchObject({
    name: "MnasError",
    code,
    message: expect.stringContaining(message),
    hint: expect.stringContaining(hint),
  });
});

test("openAdb() without the user's program says where it is to be had, and asks no phone", async () => {
  const silent = { run: () => expect.unreachable("adb"), runAtExit: () => expect.unreachable("adb") };
  vi.stubEnv("MNAS_BENCHMARK_MODEL", undefined);
  await expect(openAdb("adb", "", {}, silent)).rejects.toMatchObject({
    code: "DEVICE_UNAVAILABLE",
    message: 'Cannot open device "adb": it needs benchmark_model, and MNAS_BENCHMARK_MODEL is not set',
    hint: expect.stringContaining("android_aarch64_benchmark_model"),
  });
  vi.stubEnv("MNAS_BENCHMARK_MODEL", join(space.dir, "nothing"));
  await expect(openAdb("adb", "", {}, silent)).rejects.toMatchObject({
    code: "DEVICE_UNAVAILABLE",
    message: expect.stringContaining("no such file"),
  });
});

test("without adb on the PATH, the error says what to install", async () => {
  vi.stubEnv("PATH", space.dir);
  await expect(openDevice("adb")).rejects.toMatchObject({
    code: "DEVICE_UNAVAILABLE",
    message: "Cannot use phones: `adb` does not run (ENOENT)",
    hint: expect.stringContaining("Platform-Tools"),
  });
});

test("a device that is opened over the real path leaves nothing on the phone, and runs on the fastest cores", async () => {
  const device = await openDevice("adb");
  await device.measure(network, brief);
  expect(phones.left()).toHaveLength(1);
  await device[Symbol.asyncDispose]();
  expect(phones.left()).toEqual([]);
  expect(
    phones
      .calls()
      .filter((call) => call.includes("exec "))
      .map((call) => / taskset (\w+) /.exec(call)![1]),
  ).toEqual(["30", "30", "30", "30"]);
});

test("a phone with a blank in its serial is measured, and not in place of the one that ANDROID_SERIAL names", async () => {
  const wireless = "adb-ZY22CBH7-Z3uQ1r (2)._adb-tls-connect._tcp";
  const other = makePhones(join(space.dir, "wireless"), wireless);
  for (const [name, value] of Object.entries(other.env)) vi.stubEnv(name, value);
  for (const name of ["adb", `adb:${wireless}`]) {
    await using device = await openDevice(name);
    expect((await device.measure(network, brief)).medianMs).toBeGreaterThan(0);
  }
  vi.stubEnv("ANDROID_SERIAL", "R5CT10TEST");
  await expect(openDevice("adb")).rejects.toMatchObject({
    code: "DEVICE_UNAVAILABLE",
    message: 'Cannot open device "adb": the phone R5CT10TEST, which ANDROID_SERIAL names, is not connected',
  });
});

test("a program that crashes on the canary is at fault, and no network", async () => {
  const crashing = join(space.dir, "crashing.sh");
  writeFileSync(crashing, "#!/bin/sh\nkill -SEGV $$\n");
  vi.stubEnv("MNAS_BENCHMARK_MODEL", crashing);
  await using device = await openDevice("adb");
  await expect(measureSteadily(device, () => device.measure(network, brief))).rejects.toMatchObject({
    code: "DEVICE_UNAVAILABLE",
    message: expect.stringMatching(
      /^Cannot use device "adb": Cannot run "mobilenet-v2 .*: it crashed \(exit code 139\)$/,
    ),
    hint: expect.stringContaining("the device or the program on it is at fault"),
  });
});

test("an emulator says that its latency is this machine's", async () => {
  const emulator = makePhones(join(space.dir, "emulator"), "emulator-5554", { "ro.boot.qemu": "1" });
  for (const [name, value] of Object.entries(emulator.env)) vi.stubEnv(name, value);
  await using device = await openDevice("adb");
  const { origin, notes } = await device.measure(network, brief);
  expect([device.origin, origin, notes![0]]).toEqual([
    "emulated",
    "emulated",
    "measured in an emulator, which runs on this machine's processor",
  ]);
});

test("a measurement that is aborted ends the program on the phone, and the device goes on", async () => {
  await using device = await openDevice("adb");
  writeFileSync(hold(), "");
  const stop = new AbortController();
  const reason = new Error("enough");
  const measured = device.measure(network, { ...brief, signal: stop.signal });
  const pidFile = (): string => join(phones.root, "data/local/tmp", phones.left()[0]!, "pid");
  await vi.waitFor(() => expect(existsSync(pidFile())).toBe(true), { timeout: 5000 });
  stop.abort(reason);
  await expect(measured).rejects.toBe(reason);
  expect(phones.calls().some((call) => call.includes("shell kill -9"))).toBe(true);
  rmSync(hold());
  expect((await device.measure(network, brief)).medianMs).toBeGreaterThan(0);
});

test("a command that a signal ends leaves nothing on the phone", async () => {
  writeFileSync(hold(), "");
  const { child, ended } = start(["measure", "mobilenet-v2", "--size", "32", "--device", "adb"], space.dir, phones.env);
  await vi.waitFor(() => expect(phones.left()).toHaveLength(1), { timeout: 20_000 });
  child.kill("SIGTERM");
  await ended;
  expect(child.signalCode).toBe("SIGTERM");
  expect(phones.left()).toEqual([]);
});

test("combine() keeps the order low ≤ median ≤ high, median ≤ p90", () => {
  const us = fc.integer({ min: 0, max: 1e6 });
  const round = fc.record({ sorted: fc.tuple(us, us, us), count: fc.integer({ min: 1, max: 99 }), deviation: us });
  fc.assert(
    fc.property(fc.array(round, { minLength: 1, maxLength: 4 }), (rounds) => {
      const { lowMs, medianMs, highMs, p90Ms } = combine(
        rounds.map(({ sorted, count, deviation }) => {
          const [minMs, median, p90] = sorted.toSorted((a, b) => a - b).map((each) => each / 1000);
          const numbers = { minMs: minMs!, medianMs: median!, p90Ms: p90!, deviationMs: deviation / 1000 };
          return { ...numbers, count, warmup: 1, provider: "CPU", notes: [] };
        }),
      );
      expect([lowMs, medianMs, highMs].every((each, i, all) => each > 0 && (i === 0 || all[i - 1]! <= each))).toBe(
        true,
      );
      expect(p90Ms).toBeGreaterThanOrEqual(medianMs);
    }),
  );
});
