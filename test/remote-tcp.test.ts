import { createHash } from "node:crypto";
import { once } from "node:events";
import { afterEach, expect, test, vi } from "vitest";
import { WebSocket } from "ws";
import type { LatencyDevice } from "../src/device/device.ts";
import { openDevice } from "../src/device/open.ts";
import type { Notice } from "../src/device/options.ts";
import { closeCodes } from "../src/device/remote/messages.ts";
import { serveDevice, type Serving } from "../src/device/remote/serve.ts";
import { openMadds } from "../src/device/madds.ts";
import { brief, networkModel } from "./device-models.ts";
import { mnas, scratch, start } from "./mnas.ts";

const network = networkModel(0.1);
const token = "of-this-test-alone";

/** A device that takes no time at all, and then until `release`. */
async function slowDevice() {
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  let stopped: unknown = null;
  const latency = await openMadds().measure({ ...network, madds: 4e3 });
  const device: LatencyDevice = {
    ...openMadds(),
    origin: "native",
    measure: async ({ name }, { signal } = {}) => {
      if (name !== "nothing") {
        begun.resolve();
        signal?.addEventListener("abort", () => {
          stopped = signal.reason;
          gate.resolve();
        });
        await gate.promise;
        signal?.throwIfAborted();
      }
      return { ...latency, threads: 1, runs: 9, warmup: 1 };
    },
  };
  return { device, begun: begun.promise, release: () => gate.resolve(), stopped: () => stopped };
}

const servings: Serving[] = [];
afterEach(async () => {
  for (const serving of servings.splice(0)) await serving[Symbol.asyncDispose]();
});
async function serve(device: LatencyDevice, lines: string[] = []): Promise<string> {
  const address = { host: "127.0.0.1", port: 0 };
  const serving = await serveDevice(device, { address, token, say: (line) => lines.push(line) });
  servings.push(serving);
  return `tcp://${token}@127.0.0.1:${serving.address.port}`;
}

test("a second search waits for the first, and is told so", async () => {
  const { device, release } = await slowDevice();
  const url = await serve(device);
  const first = await openDevice(url);
  const notices: Notice[] = [];
  const second = openDevice(url, { onNotice: (notice) => notices.push(notice) });
  await vi.waitFor(() => expect(notices).toHaveLength(1), { timeout: 20_000 });
  expect(notices[0]).toMatchObject({ event: "warning", message: expect.stringContaining("busy with another search") });
  release();
  expect((await first.measure(network, brief)).runs).toBe(9);
  await first[Symbol.asyncDispose]();
  await using served = await second;
  expect((await served.measure(network, brief)).runs).toBe(9);
});

test("more searches than may wait are refused; one that gives up waiting makes room", async () => {
  const { device } = await slowDevice();
  const url = await serve(device);
  await using first = await openDevice(url);
  const stop = new AbortController();
  const told = vi.fn();
  const others = Array.from({ length: 8 }, () =>
    openDevice(url, { signal: stop.signal, onNotice: told }).catch((error: unknown) => error),
  );
  await vi.waitFor(() => expect(told).toHaveBeenCalledTimes(8), { timeout: 20_000 });
  await expect(openDevice(url)).rejects.toMatchObject({ message: expect.stringContaining("too many searches") });
  expect(first.description).not.toBe("");
  stop.abort(new Error("enough"));
  expect(await Promise.all(others)).toEqual(Array.from({ length: 8 }, () => new Error("enough")));
});

test("a search that vanishes ends its job, and the next is served", async () => {
  const { device, begun, stopped } = await slowDevice();
  const lines: string[] = [];
  const url = await serve(device, lines);
  const at = url.replace(/^.*@/, "ws://");
  const socket = new WebSocket(`${at}/socket`, { headers: { Authorization: `Bearer ${token}` } });
  await once(socket, "message");
  const model = Uint8Array.of(1);
  const sha256 = createHash("sha256").update(model).digest("hex");
  const options = { warmupMs: 1, minMs: 1, maxMs: 1, minRuns: 9, tolerance: 1, loadMs: 0, startMs: 1 };
  const job = { kind: "job", id: "a", name: "m", runtime: "onnx-cpu", format: "onnx", bytes: 1, sha256, options };
  socket.send(JSON.stringify(job));
  socket.send(model);
  await begun;
  socket.terminate();
  await vi.waitFor(() => expect(stopped()).not.toBe(null), { timeout: 20_000 });
  await using next = await openDevice(url);
  expect((await next.measure(network, brief)).runs).toBe(9);
  expect(lines.filter((line) => line.startsWith("serving"))).toHaveLength(2);
});

test("a cancelled job ends on the device", async () => {
  const { device, begun, stopped } = await slowDevice();
  await using remote = await openDevice(await serve(device));
  const stop = new AbortController();
  const measured = remote.measure(network, { ...brief, signal: stop.signal });
  await begun;
  stop.abort(new Error("enough"));
  await expect(measured).rejects.toThrow("enough");
  await vi.waitFor(() => expect(stopped()).not.toBe(null), { timeout: 20_000 });
  expect((await remote.measure(network, brief)).runs).toBe(9);
});

test.each([
  ["another model than the job's", (job: object) => [JSON.stringify(job), Uint8Array.of(2)]],
  ["a model without a job", () => [Uint8Array.of(2)]],
  ["no JSON", () => ["{"]],
  ["a message of no kind", () => ['{"kind":"shutdown"}']],
])("a search that sends %s is closed, and the next is served", async (_what, frames) => {
  const { device, release } = await slowDevice();
  release();
  const url = await serve(device);
  const socket = new WebSocket(`${url.replace(/^.*@/, "ws://")}/socket`, {
    headers: { Authorization: `Bearer ${token}` },
  });
  await once(socket, "message");
  const options = { warmupMs: 1, minMs: 1, maxMs: 1, minRuns: 9, tolerance: 1, loadMs: 0, startMs: 1 };
  const sha256 = "0".repeat(64);
  const job = { kind: "job", id: "a", name: "m", runtime: "onnx-cpu", format: "onnx", bytes: 1, sha256, options };
  for (const frame of frames(job)) socket.send(frame);
  expect((await once(socket, "close"))[0]).toBe(closeCodes.misbehaved);
  await using next = await openDevice(url);
  expect((await next.measure(network, brief)).runs).toBe(9);
});

test("browsers, and who has no token, are refused, and that is not said without end", async () => {
  const { device } = await slowDevice();
  const lines: string[] = [];
  const url = await serve(device, lines);
  const at = `${url.replace(/^.*@/, "ws://")}/socket`;
  const good = { Authorization: `Bearer ${token}` };
  for (const headers of [{}, { Authorization: token }, { Authorization: "Bearer " }, { ...good, Origin: "http://a.b" }])
    await expect(once(new WebSocket(at, { headers }), "open")).rejects.toThrow("401");
  await expect(openDevice(url.replace(token, "wrong"))).rejects.toMatchObject({
    code: "DEVICE_UNAVAILABLE",
    message: expect.stringMatching(/^Cannot open device "tcp:\/\/127[^@]*": the token is wrong$/),
  });
  for (let i = 0; i < 20; i++) await expect(once(new WebSocket(at), "open")).rejects.toThrow("401");
  expect(lines.filter((line) => line.includes("wrong token"))).toHaveLength(10);
});

test.each([
  ["tcp://", "DEVICE_INVALID", "it is no address"],
  ["tcp:///x", "DEVICE_INVALID", "it is no address"],
  ["tcp://a.b/path", "DEVICE_INVALID", "it is no address"],
  ["tcp://a:b@c.d", "DEVICE_INVALID", "it is no address"],
  ["tcp://127.0.0.1", "DEVICE_INVALID", "it needs a token"],
  ["tcp://%zz@127.0.0.1:1", "DEVICE_INVALID", "its token has characters that no token has"],
  ["tcp://secret@127.0.0.1:1", "DEVICE_UNAVAILABLE", "nothing listens there"],
])("%s cannot be opened, %s: %s", async (name, code, why) => {
  vi.stubEnv("MNAS_TOKEN", "");
  const error: unknown = await openDevice(name).catch((reason: unknown) => reason);
  vi.unstubAllEnvs();
  expect(error).toMatchObject({ code, message: expect.stringContaining(why) });
  expect((error as Error).message).not.toContain("secret");
});

test("mnas device serve and mnas measure, end to end; killed in the middle, the error is clear", async () => {
  using space = scratch();
  const env = { MNAS_TOKEN: token };
  const server = start(["device", "serve", "--port", "0", "--json"], space.dir, env);
  const [said] = (await once(server.child.stdout!, "data")) as [Buffer];
  const { urls } = JSON.parse(said.toString()) as { urls: string[] };
  const url = urls[0]!.replace(`${token}@`, "");
  const measured = await start(["measure", "mobilenet-v2", "--width", "0.1", "--device", url, "--json"], space.dir, env)
    .ended;
  expect(measured).toMatchObject({ code: 0 });
  expect(JSON.parse(measured.stdout)).toMatchObject([{ origin: "native", runtime: "ONNX Runtime", provider: "CPU" }]);

  const notices: Notice[] = [];
  await using device = await openDevice(urls[0]!, { onNotice: (notice) => notices.push(notice) });
  const lost = device.measure(network, { ...brief, minMs: 60_000, maxMs: 60_000 }).catch((error: unknown) => error);
  server.child.kill("SIGKILL");
  expect(await lost).toMatchObject({
    code: "DEVICE_UNAVAILABLE",
    message: `Cannot open device "${url}": nothing listens there`,
  });
  expect(notices).toEqual([{ event: "warning", message: expect.stringContaining("was lost while it measured") }]);
});

test("mnas device serve ends with Ctrl-C, and refuses a token that is none", async () => {
  using space = scratch();
  const server = start(["device", "serve", "--port", "0"], space.dir);
  const [said] = (await once(server.child.stdout!, "data")) as [Buffer];
  expect(said.toString()).toMatch(/^tcp:\/\/[\w-]{22}@127\.0\.0\.1:\d+\n$/);
  server.child.kill("SIGINT");
  expect((await server.ended).code).toBe(0);
  expect((await mnas(["device", "serve", "--token", "short"], space.dir)).code).toBe(2);
});
