import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { afterEach, expect, test } from "vitest";
import type { DeviceModel } from "../src/device/device.ts";
import { openHost } from "../src/device/host.ts";
import { doNothingModel } from "../src/device/overhead.ts";
import { elementTypes, encode, type Message } from "../src/lower/onnx-proto.ts";
import { breathe } from "../src/util/async.ts";
import { brief, networkModel } from "./device-models.ts";

const network = networkModel(0.1);
const forEver = { warmupMs: 10, minMs: 3_600_000, maxMs: 3_600_000 };
const fileModel = (bytes: Uint8Array): DeviceModel => ({
  name: "m.onnx",
  madds: null,
  graph: null,
  onnx: () => bytes,
  tflite: null,
});

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

interface Dim {
  readonly size?: number;
  readonly symbol?: string;
}

/** A model of one operation on one input. */
function foreign(type: string, dims: readonly Dim[], element: number = elementTypes.float): DeviceModel {
  const value = (name: string): Message<"Value"> => ({ name, type: { tensor: { element, shape: { dims } } } });
  const nodes = [{ type, inputs: ["in"], outputs: ["out"] }];
  const graph = { name: "g", nodes, inputs: [value("in")], outputs: [value("out")] };
  return fileModel(encode("Model", { irVersion: 8, opsets: [{ domain: "", version: 17 }], graph }));
}

test("host subtracts what a call takes: a model that does nothing takes next to no time", async () => {
  await using device = await openHost();
  const nothing = doNothingModel(
    { a: { dims: [1, 3, 8, 8] }, b: { dims: [2] } },
    { c: { dims: [1, 10] }, d: { dims: [] } },
  );
  const { medianMs, overheadMs } = await device.measure(fileModel(nothing), brief);
  expect(medianMs).toBeLessThan(overheadMs / 2);
});

test("host measures a foreign model whose batch is open, and none with another open axis", async () => {
  await using device = await openHost();
  const model = foreign("Relu", [{ symbol: "batch" }, { size: 3 }]);
  expect((await device.measure(model, brief)).medianMs).toBeGreaterThan(0);
  await expect(device.measure(foreign("Relu", [{ symbol: "batch" }, {}, { size: 3 }]), brief)).rejects.toMatchObject({
    code: "MODEL_INVALID",
    message: 'Cannot measure "m.onnx": the size of in.1 is open (in is batch×?×3)',
  });
});

test("host gives and takes numbers of every type, in several inputs", async () => {
  await using device = await openHost();
  const dims = { shape: { dims: [{ size: 2 }, { size: 3 }] } };
  const value = (name: string, element: number): Message<"Value"> => ({ name, type: { tensor: { element, ...dims } } });
  const all = Object.entries(elementTypes);
  const graph = {
    name: "g",
    nodes: [
      ...all.map(([name]) => ({ type: "Identity", inputs: [name], outputs: [`${name}.out`] })),
      // An index that is out of range ends the run.
      {
        type: "Gather",
        inputs: ["float", "int64"],
        outputs: ["picked"],
        attributes: [{ name: "axis", int: 0, type: 2 }],
      },
    ],
    inputs: all.map(([name, element]) => value(name, element)),
    outputs: [...all.map(([name, element]) => value(`${name}.out`, element)), { name: "picked" }],
  };
  const model = fileModel(encode("Model", { irVersion: 8, opsets: [{ domain: "", version: 17 }], graph }));
  expect((await device.measure(model, brief)).runs).toBeGreaterThan(0);
});

const whole = network.onnx();
const bad: Record<string, { model: DeviceModel; says: RegExp }> = {
  "no bytes": { model: fileModel(new Uint8Array()), says: /^Cannot load "m.onnx" in ONNX Runtime: / },
  text: { model: fileModel(Buffer.from("hello, world")), says: /^Cannot load "m.onnx" in ONNX Runtime: / },
  "half a model": { model: fileModel(whole.subarray(0, whole.length / 2)), says: /^Cannot load "m.onnx" in ONNX/ },
  "an unknown operation": { model: foreign("Frobnicate", [{ size: 1 }]), says: /^Cannot load .*Frobnicate/ },
  "an input of text": {
    model: foreign("Identity", [{ size: 1 }], 8),
    says: /input "in" is string, which random numbers cannot fill$/,
  },
  "an input of no memory's size": {
    model: foreign("Relu", [{ size: 100_000 }, { size: 100_000 }]),
    says: /input "in" has 10000000000 values, must/,
  },
  "an operation that fails": {
    model: foreign("Det", [{ symbol: "n" }, { size: 2 }]),
    says: /^Cannot run "m.onnx" in ONNX Runtime: /,
  },
};

test("host refuses what is no model, or one that does not run, each in one line, and goes on", async () => {
  await using device = await openHost();
  for (const [what, { model, says }] of Object.entries(bad)) {
    const error: unknown = await device.measure(model, brief).catch((reason: unknown) => reason);
    expect(error, what).toMatchObject({
      name: "MnasError",
      code: "MODEL_INVALID",
      message: expect.stringMatching(says),
    });
    expect((error as Error).message, what).not.toContain("\n");
  }
  expect((await device.measure(network, brief)).runs).toBeGreaterThan(0);
});

test("host gives up a measurement when its signal aborts, and goes on", async () => {
  await using device = await openHost();
  const stop = new AbortController();
  const reason = new Error("enough");
  const onnx = (): Uint8Array => {
    setTimeout(() => stop.abort(reason), 50);
    return network.onnx();
  };
  await expect(device.measure({ ...network, onnx }, { ...forEver, signal: stop.signal })).rejects.toBe(reason);
  expect((await device.measure(network, brief)).runs).toBeGreaterThan(0);
});

test("host that is closed while it measures says so, and those who wait hear the same", async () => {
  const device = await openHost();
  const all = [1, 2].map(() => device.measure(network, forEver).catch((error: unknown) => error));
  await breathe();
  await device[Symbol.asyncDispose]();
  const closed = expect.objectContaining({
    code: "DEVICE_UNAVAILABLE",
    message: expect.stringMatching(/closed$/),
  }) as Error;
  expect(await Promise.all(all)).toEqual([closed, closed]);
});

/** What follows the name of a program in /proc/PID/stat: state, parent, and so on. */
function statOf(pid: number): string[] | null {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8")
      .replace(/^.*\) /s, "")
      .split(" ");
  } catch {
    return null;
  }
}
const isAlive = (pid: number): boolean => !["Z", "X", undefined].includes(statOf(pid)?.[0]);
/** Processes of devices that a process started. */
const deviceProcesses = (parent: number): number[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number(statOf(pid)?.[1]) === parent && isAlive(pid))
    .filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("host-process"));

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}
/** Waits until a process has worked for a fifth of a second, which only running a model takes. */
async function working(pid: number): Promise<void> {
  const ticks = (): number =>
    statOf(pid)
      ?.slice(11, 13)
      .reduce((sum, text) => sum + Number(text), 0) ?? Infinity;
  const before = ticks();
  await until(() => ticks() > before + 20);
}

const onLinux = test.skipIf(!existsSync("/proc/self/stat"));

onLinux("host whose process is killed while it measures says so, and starts another", async () => {
  await using device = await openHost();
  const lost = device.measure(network, forEver).catch((error: unknown) => error);
  const [pid] = deviceProcesses(process.pid);
  await working(pid!);
  process.kill(pid!, "SIGKILL");
  expect(await lost).toMatchObject({
    name: "MnasError",
    code: "DEVICE_UNAVAILABLE",
    message: `Cannot measure "${network.name}": the process that runs it was killed (SIGKILL)`,
    hint: "Try again; if it happens again, this machine may be short of memory.",
  });
  expect((await device.measure(network, brief)).runs).toBeGreaterThan(0);
  expect(deviceProcesses(process.pid)).not.toEqual([pid]);
});

onLinux("host whose process is killed while it idles starts another, or says so, but never hangs", async () => {
  await using device = await openHost();
  for (const turns of [0, 2]) {
    process.kill(deviceProcesses(process.pid)[0]!, "SIGKILL");
    for (let i = 0; i < turns; i++) await breathe();
    const result: unknown = await device.measure(network, brief).catch((error: unknown) => error);
    if (result instanceof Error) expect(result).toMatchObject({ code: "DEVICE_UNAVAILABLE" });
    expect((await device.measure(network, brief)).runs).toBeGreaterThan(0);
  }
});

onLinux(
  "host whose signal aborts while it measures leaves no process behind, nor does one that is closed",
  async () => {
    await using device = await openHost();
    const stop = new AbortController();
    const result = device.measure(network, { ...forEver, signal: stop.signal }).catch((error: unknown) => error);
    const [pid] = deviceProcesses(process.pid);
    await working(pid!);
    stop.abort(new Error("enough"));
    expect(await result).toBe(stop.signal.reason);
    await until(() => !isAlive(pid!));
    expect((await device.measure(network, brief)).runs).toBeGreaterThan(0);
    const [next] = deviceProcesses(process.pid);
    await device[Symbol.asyncDispose]();
    expect([isAlive(next!), deviceProcesses(process.pid)]).toEqual([false, []]);
  },
);

test("host does not measure a model whose making aborts the signal", async () => {
  await using device = await openHost();
  const stop = new AbortController();
  const onnx = (): Uint8Array => {
    stop.abort(new Error("enough"));
    return network.onnx();
  };
  await expect(device.measure({ ...network, onnx }, { ...forEver, signal: stop.signal })).rejects.toThrow("enough");
});

/** A process of its own that opens the host, says so, does `what`, and does not close it. */
function script(what: string): ChildProcess {
  const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const text = `
    const { openHost } = await import(${url("../src/device/host.ts")});
    const { networkModel, brief } = await import(${url("./device-models.ts")});
    const device = await openHost();
    console.log("open");
    ${what}`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", text], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  return child;
}

test("host that nobody closes does not keep a program from ending", async () => {
  expect(await once(script("await device.measure(networkModel(0.1), brief);"), "exit")).toEqual([0, null]);
});

onLinux("the process of a host ends with its parent, even when that is killed", async () => {
  const parent = script(`await device.measure(networkModel(0.1), ${JSON.stringify(forEver)});`);
  await once(parent.stdout!, "data");
  const [pid] = deviceProcesses(parent.pid!);
  await working(pid!);
  parent.kill("SIGKILL");
  await until(() => !isAlive(pid!));
});
