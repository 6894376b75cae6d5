import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { parseBenchmarkModel } from "../src/device/adb/benchmark-model.ts";
import { openAdb } from "../src/device/adb/device.ts";
import { fastestCores, parseFacts, parseTemperature } from "../src/device/adb/facts.ts";
import { parseAdbName } from "../src/device/adb/name.ts";
import { parsePerfTest } from "../src/device/adb/perf-test.ts";
import { combine } from "../src/device/adb/rounds.ts";
import type { Latency, LatencyDevice } from "../src/device/device.ts";
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
  ["several-devices", "", "DEVICE_UNAVAILABLE", "several phones", "adb:SERIAL, one of 3A071FDJH00ABC, RFCT40ABCDE"],
  ["no-permissions", "", "DEVICE_UNAVAILABLE", "may not use the USB device", "udev rules"],
  ["full-disk", "", "DEVICE_UNAVAILABLE", "the storage of the phone is full", "Free some space"],
  ["unplugged", "", "DEVICE_UNAVAILABLE", "the phone is not connected", "Plug it in again"],
  [
    "refused-model",
    "",
    "MODEL_INVALID",
    "Didn't find op for builtin opcode 'CONV_2D' version '9'",
    "too old for this one",
  ],
  ["wrong-processor", "", "DEVICE_UNAVAILABLE", "the phone cannot start benchmark_model", "ro.product.cpu.abi"],
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

test("parseBenchmarkModel() wants the numbers of timed runs, and knows runs that all took the same", () => {
  const summary = "Inference timings in us: Init: 1, First inference: 12, Warmup (avg): 12, Inference (avg): 12";
  expect(parseBenchmarkModel("")).toBe(null);
  expect(parseBenchmarkModel("count=5 curr=12(all same)")).toBe(null);
  expect(parseBenchmarkModel(`count=0\ncount=0\n${summary}`)).toBe(null);
  expect(parseBenchmarkModel(`count=2 curr=12(all same)\ncount=5 curr=12(all same)\n${summary}`)).toMatchObject({
    count: 5,
    warmup: 2,
    medianMs: 0.012,
    p90Ms: 0.012,
    deviationMs: 0,
    notes: ["p90 is the 95th percentile, which benchmark_model gives"],
  });
});

test("parsePerfTest() reads what older versions print", () => {
  const averages = "Total time cost: 58.8053\nTotal iterations: 1000\nAverage time cost: 58.8053 ms\n";
  const quantiles = "Min Latency is 0.0559777 sec\nMax Latency is 0.0623472 sec\nP50 Latency is 0.0587108 sec\n";
  expect(parsePerfTest(`${averages}${quantiles}P90 Latency is 0.0599845 sec\n`)).toMatchObject({
    count: 1000,
    notes: [],
  });
  expect(parsePerfTest(`${averages}${quantiles}P90 Latency is 0.0599845 sec\n`)!.medianMs).toBeCloseTo(58.7108, 9);
  expect(
    parsePerfTest(
      "Session creation time cost:1.8 s\nTotal inference requests:1\nAverage inference time cost:734.606 ms",
    ),
  ).toMatchObject({ count: 1, medianMs: 734.606, p90Ms: 734.606 });
  expect(parsePerfTest("onnxruntime::Exception: Load model failed")).toBe(null);
});

test("parseFacts() takes a phone that says nothing, and fastestCores() then names none", () => {
  const facts = parseFacts("ro.product.model=\r\ncpu0=\r\n");
  expect(facts).toMatchObject({ device: "unknown phone", os: "Android unknown", isEmulator: false });
  expect(fastestCores(facts.frequencies)).toBe(null);
  expect(parseTemperature("Can't find service: battery")).toBe(null);
});

test("fastestCores() is the cores with the highest frequency, and no other", () => {
  const frequencies = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 64 });
  fc.assert(
    fc.property(frequencies, (list) => {
      const mask = BigInt(`0x${fastestCores(new Map(list.entries()))!}`);
      const most = Math.max(...list);
      expect(list.map((_, core) => ((mask >> BigInt(core)) & 1n) === 1n)).toEqual(list.map((each) => each === most));
    }),
  );
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

test("parseAdbName() takes serials, addresses, masks and runtimes, and nothing for a shell", () => {
  expect(parseAdbName("adb", "")).toEqual({ serial: null, mask: null, tool: "tflite" });
  expect(parseAdbName("adb", "192.168.1.5:5555@f0@onnx")).toEqual({
    serial: "192.168.1.5:5555",
    mask: "f0",
    tool: "onnx",
  });
  for (const rest of ["-x", "a b", "a;b", "a@0", "a@", "a@f0@30", "a@onnx@onnx", "a@$(x)", "a@fffffffffffffffff"])
    expect(() => parseAdbName(`adb:${rest}`, rest), rest).toThrowError(
      expect.objectContaining({ code: "DEVICE_UNAVAILABLE", hint: expect.stringContaining("adb[:SERIAL]") }),
    );
});
