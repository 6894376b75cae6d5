import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { closeCodes, limits, type DeviceMessage } from "../src/device/remote/messages.ts";
import { openJoinServer, type JoinServer } from "../src/device/remote/join-server.ts";
import { Lost, type Peer, type Work } from "../src/device/remote/peer.ts";
import { parseDeviceMessage, parseSearchMessage } from "../src/device/remote/schemas.ts";
import { hello, joinAs, pageFolder, type Answer, type PageClient } from "./page-client.ts";
import { scratch } from "./mnas.ts";

const space = scratch();
let server: JoinServer;
const warnings: string[] = [];
beforeAll(async () => {
  const address = { host: "127.0.0.1", port: 0 };
  const stateFile = join(space.dir, "sessions.json");
  server = await openJoinServer({ address, folder: pageFolder(space.dir), stateFile, helloMs: 300 });
  server.listen({ onWarning: (message) => warnings.push(message) });
});
afterAll(() => server[Symbol.asyncDispose]());

const work = (name = "m", plausible: Work["plausible"] = () => true): Work => ({
  job: {
    name,
    runtime: "onnx-wasm",
    format: "onnx",
    options: { warmupMs: 1, minMs: 1, maxMs: 1, minRuns: 9, tolerance: 1, loadMs: 0, startMs: 5000 },
  },
  model: Uint8Array.of(1, 2, 3),
  plausible,
});
const good = (id: string) => ({
  kind: "result",
  id,
  samples: Array<number>(9).fill(0.01),
  batch: 1,
  warmup: 1,
  timerMs: 0,
});
const honest: Answer = async ({ id }, _model, send) => {
  send({ kind: "started", id });
  send(good(id));
};

/** A device that joined, and the search's side of it. */
async function joined(answer: Answer = honest): Promise<{ client: PageClient; peer: Peer }> {
  const before = new Set(server.peers());
  let url = "";
  using _ = server.invite(null, ([first]) => (url = first!));
  const client = joinAs(url, { answer });
  await client.greeting;
  return { client, peer: server.peers().find((peer) => !before.has(peer))! };
}
const base = (): string => `http://localhost:${server.address.port}/`;
/** The server still does what it is for. */
async function expectWell(): Promise<void> {
  const { client, peer } = await joined();
  expect((await peer.run(work())).medianMs).toBe(0.01);
  client.socket.close();
}

/** What a device may answer to a job, none of which is a result. */
const lies: Record<string, (id: string) => readonly object[]> = {
  "an answer to no job": () => [{ kind: "started", id: "x" }],
  "a result before it began": (id) => [good(id)],
  "beginning twice": (id) => [
    { kind: "started", id },
    { kind: "started", id },
  ],
  "another field": (id) => [{ kind: "started", id, more: 1 }],
  "no samples": (id) => [
    { kind: "started", id },
    { ...good(id), samples: [] },
  ],
  "too few samples": (id) => [
    { kind: "started", id },
    { ...good(id), samples: [1] },
  ],
  "too many samples": (id) => [
    { kind: "started", id },
    { ...good(id), samples: Array<number>(limits.samples + 1).fill(1) },
  ],
  "a time of zero": (id) => [
    { kind: "started", id },
    { ...good(id), samples: Array<number>(9).fill(0) },
  ],
  "a time below zero": (id) => [
    { kind: "started", id },
    { ...good(id), samples: [...good(id).samples, -1] },
  ],
  "no number": (id) => [
    { kind: "started", id },
    { ...good(id), samples: [...good(id).samples, null] },
  ],
  "more time than has passed": (id) => [
    { kind: "started", id },
    { ...good(id), samples: Array<number>(9).fill(1e5) },
  ],
  "more runs than time": (id) => [
    { kind: "started", id },
    { ...good(id), batch: 1e9 },
  ],
  "less than its clock can tell": (id) => [
    { kind: "started", id },
    { ...good(id), timerMs: 1 },
  ],
  "overhead beyond the time": (id) => [
    { kind: "started", id },
    { ...good(id), overheadMs: 1 },
  ],
  "statistics of its own": (id) => [
    { kind: "started", id },
    {
      kind: "measured",
      id,
      medianMs: 1,
      p90Ms: 1,
      lowMs: 1,
      highMs: 1,
      runs: 9,
      warmup: 1,
      overheadMs: 0,
      isUnstable: false,
    },
  ],
  "hello once more": () => [hello],
};

test.each(Object.entries(lies))("%s ends the connection, with a warning, and no result", async (_what, messages) => {
  const { client, peer } = await joined(async ({ id }, _model, send) => messages(id).forEach(send));
  const error: unknown = await peer.run(work()).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(Lost);
  expect((error as Lost).isMisbehaviour).toBe(true);
  expect((await client.closed).code).toBe(closeCodes.misbehaved);
  await expect(peer.run(work())).rejects.toBeInstanceOf(Lost);
});

test("not a number and beyond all numbers are no times", () => {
  for (const sample of ["NaN", "1e999", "-1e999", '"1"'])
    expect(
      parseDeviceMessage(`{"kind":"result","id":"a","samples":[${sample}],"batch":1,"warmup":1,"timerMs":0}`),
    ).toBeInstanceOf(Error);
});

test("a result counts once, and of a job that was cancelled not at all", async () => {
  const ids: string[] = [];
  const { client, peer } = await joined(async ({ id }, _model, send) => {
    ids.push(id);
    if (ids.length > 1) await honest({ id } as Parameters<Answer>[0], new Uint8Array(), send);
  });
  const stop = new AbortController();
  const cancelled = peer.run({ ...work(), signal: stop.signal });
  await vi.waitFor(() => expect(ids).toHaveLength(1), { timeout: 20_000 });
  stop.abort(new Error("enough"));
  await expect(cancelled).rejects.toThrow("enough");
  client.send({ kind: "started", id: ids[0] });
  client.send(good(ids[0]!));
  expect((await peer.run(work())).medianMs).toBe(0.01);
  client.send(good(ids[1]!));
  expect(await client.closed).toMatchObject({
    code: closeCodes.misbehaved,
    reason: expect.stringContaining("has answered"),
  });
});

test("a device that does not begin in time is taken for lost", async () => {
  const { client, peer } = await joined(async () => {});
  const { job, ...rest } = work();
  const slow = { ...rest, job: { ...job, options: { ...job.options, startMs: 20 } } };
  await expect(peer.run(slow)).rejects.toMatchObject({
    isCrash: true,
    message: expect.stringContaining("did not start"),
  });
  expect((await client.closed).code).toBe(closeCodes.silent);
});

test("what a canary says cannot be true is no result", async () => {
  const { peer } = await joined();
  const asked: number[] = [];
  const never: Work["plausible"] = ({ medianMs }) => asked.push(medianMs) < 0;
  await expect(peer.run(work("slow", never))).rejects.toThrow('0.01 ms for "slow"');
  expect(asked).toEqual([0.01]);
});

test("text of a device cannot steer a terminal", () => {
  const message = parseDeviceMessage(JSON.stringify({ ...hello, device: "a\u001B[2Jb\u202Ec\n" }));
  expect(message).toMatchObject({ device: "a [2Jb c" });
  const wrong = parseDeviceMessage(JSON.stringify({ ...hello, "\u001B[2J": 1 }));
  expect((wrong as Error).message).not.toContain("\u001B");
});

test("too much is too much: long, frequent or binary messages, silence, and many who say nothing", async () => {
  const big = joinAs(base(), { hello: { device: "x".repeat(limits.helloChars) } });
  expect((await big.closed).code).toBe(closeCodes.misbehaved);
  const { client: long } = await joined();
  long.socket.send("x".repeat(limits.messageChars + 1));
  // The frame is refused by its length alone, before it is read: 1009.
  expect([closeCodes.misbehaved, 1009, 1006]).toContain((await long.closed).code);
  const { client: binary } = await joined();
  binary.socket.send(new Uint8Array(8));
  expect((await binary.closed).code).toBe(closeCodes.misbehaved);
  const { client: frequent } = await joined();
  for (let i = 0; i < limits.burst + 5; i++) frequent.send({ kind: "resumed" });
  expect(await frequent.closed).toMatchObject({ code: closeCodes.misbehaved, reason: "too many messages" });

  const silent = Array.from({ length: 24 }, () => joinAs(base()));
  for (const { socket } of silent) socket.removeAllListeners("open");
  const ends = await Promise.allSettled(silent.map(({ closed, greeting }) => Promise.race([closed, greeting])));
  const codes = ends.map((end) => (end.status === "fulfilled" && "code" in end.value ? end.value.code : 503));
  expect(codes.filter((code) => code === closeCodes.silent)).toHaveLength(16);
  expect(codes.filter((code) => code === 503)).toHaveLength(8);
  await expectWell();
});

const valid: readonly DeviceMessage[] = [
  hello,
  { kind: "started", id: "a" },
  { kind: "result", id: "a", samples: [1, 2, 3], batch: 1, warmup: 2, timerMs: 0.1 },
  { kind: "failed", id: "a", code: "MODEL_INVALID", message: "no" },
  { kind: "paused", reason: "hidden" },
  { kind: "resumed" },
  { kind: "waiting", ahead: 1 },
];

/** A valid message in which something is not as it was. */
const mutated = fc
  .record({
    message: fc.constantFrom(...valid),
    key: fc.oneof(fc.constantFrom("kind", "id", "samples", "runtimes", "code", "name"), fc.string()),
    value: fc.oneof(fc.jsonValue(), fc.constantFrom(Number.MAX_VALUE, -1, "", "__proto__", [[]])),
    cut: fc.option(fc.nat(200)),
  })
  .map(({ message, key, value, cut }) => {
    const text = JSON.stringify({ ...message, [key]: value });
    return cut === null ? text : text.slice(0, cut);
  });

test("any text is a message of known fields, or is refused", () => {
  const anything = fc.oneof(mutated, fc.string(), fc.json(), fc.constant("[".repeat(100_000)));
  fc.assert(
    fc.property(anything, (text) => {
      for (const parse of [parseDeviceMessage, parseSearchMessage]) {
        const message = parse(text);
        if (!(message instanceof Error)) expect(typeof message.kind).toBe("string");
      }
    }),
    { numRuns: 500 },
  );
});

test("a server hears anything, in the middle of a job or before hello, and serves others after it", async () => {
  const frame = fc.oneof(mutated, fc.string(), fc.uint8Array({ maxLength: 64 }));
  await fc.assert(
    fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 6 }), fc.boolean(), async (frames, hasJoined) => {
      let client: PageClient;
      if (hasJoined) {
        const { client: inside, peer } = await joined(async () => {});
        client = inside;
        peer.run(work()).catch(() => {});
      } else {
        client = joinAs(base());
        client.socket.removeAllListeners("open");
        await once(client.socket, "open");
      }
      for (const each of frames) client.socket.send(each);
      client.socket.close();
      await client.closed;
    }),
    { numRuns: 30 },
  );
  await expectWell();
});

test("bytes that are neither HTTP nor WebSocket are closed, and serve nobody badly", async () => {
  const upgrade = `GET /socket HTTP/1.1\r\nHost: localhost:${server.address.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`;
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.boolean(), async (bytes, isUpgraded) => {
      const socket = connect(server.address.port, "127.0.0.1");
      socket.on("error", () => {});
      socket.resume();
      if (isUpgraded) socket.write(upgrade);
      socket.end(bytes);
      await once(socket, "close");
    }),
    { numRuns: 30 },
  );
  await expectWell();
});

test("warnings that others cause are bounded", () => {
  expect(warnings.length).toBeGreaterThan(0);
  expect(warnings.length).toBeLessThanOrEqual(20);
});
