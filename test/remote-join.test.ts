import { get } from "node:http";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import type { SearchMessage } from "../src/device/remote/messages.ts";
import { closeCodes } from "../src/device/remote/messages.ts";
import { openJoinServer, type JoinOptions, type JoinServer } from "../src/device/remote/join-server.ts";
import { openPage } from "../src/device/remote/page.ts";
import { createPlausibility } from "../src/device/remote/plausible.ts";
import { createSessions, sessionMs } from "../src/device/remote/sessions.ts";
import { createTokens } from "../src/device/remote/tokens.ts";
import type { Notice } from "../src/device/options.ts";
import { brief, networkModel } from "./device-models.ts";
import { hello, joinAs, onnxWasm, pageFolder, type Answer, type PageClient } from "./page-client.ts";
import { scratch } from "./mnas.ts";

const network = networkModel(0.1);
const space = scratch();
const folder = pageFolder(space.dir);
let files = 0;
const options = (more: Partial<JoinOptions> = {}): JoinOptions => ({
  address: { host: "127.0.0.1", port: 0 },
  folder,
  stateFile: join(space.dir, `${files++}`, "sessions.json"),
  ...more,
});

const clients: PageClient[] = [];
const joinWith: typeof joinAs = (...args) => {
  const client = joinAs(...args);
  clients.push(client);
  return client;
};
afterEach(() => {
  for (const { socket } of clients.splice(0)) socket.terminate();
});

const inviteTo = (server: JoinServer, name: string | null = null): string => {
  let url = "";
  server.invite(name, ([first]) => (url = first!));
  return url;
};
const sessionOf = (message: SearchMessage): string => {
  if (message.kind !== "welcome") throw new Error(JSON.stringify(message));
  return message.session;
};
const baseOf = (server: JoinServer): string => `http://localhost:${server.address.port}/`;

test("a token lets one device join, once", async () => {
  await using server = await openJoinServer(options());
  const warnings: string[] = [];
  server.listen({ onWarning: (message) => warnings.push(message) });
  const url = inviteTo(server);
  expect(await joinWith(url).greeting).toMatchObject({ kind: "welcome", name: "pixel-8" });
  expect(server.peers().map(({ name }) => name)).toEqual(["pixel-8"]);
  const again = joinWith(url);
  expect(await again.greeting).toMatchObject({ kind: "refused", reason: expect.stringContaining("used before") });
  expect((await again.closed).code).toBe(closeCodes.refused);
  expect(warnings.join()).toContain("used before");
});

test("a new token takes the place of one that was used, or is too old", async () => {
  await using server = await openJoinServer(options({ tokenMs: 20 }));
  const urls: string[] = [];
  server.invite(null, ([url]) => urls.push(url!));
  await vi.waitFor(() => expect(urls.length).toBeGreaterThan(2), { timeout: 20_000 });
  expect(await joinWith(urls[0]!).greeting).toMatchObject({ kind: "refused", reason: /too old/ });
  expect(new Set(urls).size).toBe(urls.length);
});

test("no token, a wrong one, or a wrong session lets nobody join", async () => {
  await using server = await openJoinServer(options());
  const url = inviteTo(server);
  for (const said of [{}, { token: "x" }, { token: "" }, { session: "x" }, { session: url.split("#")[1]! }]) {
    expect(await joinWith(baseOf(server), { hello: said }).greeting).toMatchObject({ kind: "refused" });
  }
  expect(server.peers()).toEqual([]);
  expect(await joinWith(url).greeting).toMatchObject({ kind: "welcome" });
});

test("tokens end at their time and sessions at theirs, which begins anew when a device is seen", () => {
  let now = 1000;
  const tokens = createTokens(100, () => now);
  const [first, second] = [tokens.issue(null, () => {}), tokens.issue("a", () => {})];
  now += 99;
  expect(tokens.use(first)).toEqual({ state: "good", name: null });
  now += 1;
  expect([tokens.use(first), tokens.use(second), tokens.use("x")].map(({ state }) => state)).toEqual([
    "used",
    "expired",
    "unknown",
  ]);
  const sessions = createSessions(
    join(space.dir, "times", "s.json"),
    () => {},
    () => now,
  );
  const secret = sessions.create("a");
  now += sessionMs - 1;
  expect(sessions.find(secret)).toBe("a");
  sessions.renew(secret, "a");
  now += sessionMs - 1;
  expect(sessions.find(secret)).toBe("a");
  now += 1;
  expect(sessions.find(secret)).toBe(null);
});

test("a page that was loaded again comes back by its session, also to another server; the file has no secret", async () => {
  const shared = options();
  let session: string;
  {
    await using server = await openJoinServer(shared);
    const first = joinWith(inviteTo(server, "kitchen"));
    session = sessionOf(await first.greeting);
    const second = joinWith(baseOf(server), { hello: { session, name: "kitchen" } });
    expect(await second.greeting).toEqual({ kind: "welcome", name: "kitchen", session });
    expect((await first.closed).code).toBe(closeCodes.replaced);
    expect(server.peers()).toHaveLength(1);
  }
  await using server = await openJoinServer(shared);
  const renamed = joinWith(baseOf(server), { hello: { session, name: "Living room" } });
  expect(await renamed.greeting).toEqual({ kind: "welcome", name: "living-room", session });
  expect(readFileSync(shared.stateFile!, "utf8")).not.toContain(session);
  if (process.platform !== "win32") expect(statSync(shared.stateFile!).mode % 0o1000).toBe(0o600);
});

test("where sessions cannot be kept, devices join all the same", async () => {
  await using server = await openJoinServer(options({ stateFile: join(folder, "index.html", "no", "sessions.json") }));
  const warnings: string[] = [];
  server.listen({ onWarning: (message) => warnings.push(message) });
  const session = sessionOf(await joinWith(inviteTo(server)).greeting);
  expect(await joinWith(baseOf(server), { hello: { session } }).greeting).toMatchObject({ session });
  expect(warnings).toHaveLength(1);
});

test("a damaged file of sessions counts as none", () => {
  expect(createSessions(join(folder, "index.html"), () => {}).find("x")).toBe(null);
});

test("two devices at once, of which neither gets the other's jobs", async () => {
  await using server = await openJoinServer(options());
  const given: string[][] = [[], []];
  const noting =
    (i: number): Answer =>
    async ({ id, name }, _model, send) => {
      given[i]!.push(name);
      send({ kind: "started", id });
      send({ kind: "result", id, samples: Array<number>(9).fill(0.01 * (i + 1)), batch: 1, warmup: 1, timerMs: 0 });
    };
  for (const i of [0, 1]) await joinWith(inviteTo(server), { answer: noting(i) }).greeting;
  expect(server.peers().map(({ name }) => name)).toEqual(["pixel-8", "pixel-8-2"]);
  const timing = { warmupMs: 1, minMs: 1, maxMs: 1, minRuns: 9, tolerance: 1, loadMs: 0, startMs: 1000 };
  const job = { runtime: "onnx-wasm", format: "onnx", options: timing } as const;
  const all = await Promise.all(
    server
      .peers()
      .flatMap((peer) =>
        ["a", "b"].map((name) =>
          peer.run({ job: { ...job, name: name + peer.name }, model: Uint8Array.of(1), plausible: () => true }),
        ),
      ),
  );
  expect(all.map(({ medianMs }) => medianMs)).toEqual([0.01, 0.01, 0.02, 0.02]);
  expect(given).toEqual([
    ["apixel-8", "bpixel-8"],
    ["apixel-8-2", "bpixel-8-2"],
  ]);
});

/** Opens a page device, and gives what it tells. */
async function opening(name: string, more: Partial<JoinOptions> = {}) {
  const notices: Notice[] = [];
  const server = options(more);
  const urls: string[] = [];
  const isTold = Promise.withResolvers<string>();
  const rest = name.replace(/^page:?/, "");
  const device = openPage(name, rest, {
    join: server,
    onNotice: (notice) => {
      notices.push(notice);
      if (notice.event !== "join") return;
      urls.push(notice.urls[0]!);
      isTold.resolve(notice.urls[0]!);
    },
  });
  return { device, notices, urls, url: await isTold.promise };
}

test("page measures on the first device that comes, and says what it is", async () => {
  const { device: opened, url, notices } = await opening("page");
  joinWith(url);
  await using device = await opened;
  expect(device.description).toBe("Pixel 8, Android 15, Chrome 131, 1 thread, ONNX Runtime Web 1.30.0 WebAssembly");
  expect(await device.measure(network, brief)).toMatchObject({
    origin: "web",
    device: "Pixel 8",
    os: "Android 15, Chrome 131",
    runtime: "ONNX Runtime Web",
    provider: "WebAssembly",
  });
  expect(notices.map(({ event }) => event)).toEqual(["join", "joined"]);
});

test("page:NAME gives its name to who joins by its link; a runtime that it lacks is named", async () => {
  const { device: opened, url } = await opening("page:kitchen@litert-wasm");
  const client = joinWith(url);
  await expect(opened).rejects.toMatchObject({
    code: "DEVICE_UNAVAILABLE",
    message: expect.stringContaining("no runtime litert-wasm"),
    hint: "It offers onnx-wasm.",
  });
  expect(await client.greeting).toMatchObject({ name: "kitchen" });
});

test("a job whose device is lost in the middle waits for it to come back", async () => {
  const { device: opened, url, notices, urls } = await opening("page");
  const first = joinWith(url, { answer: async () => first.socket.terminate() });
  const session = sessionOf(await first.greeting);
  await using device = await opened;
  const measured = device.measure(network, brief);
  await vi.waitFor(() => expect(urls).toHaveLength(2), { timeout: 20_000 });
  expect(notices.at(-2)).toMatchObject({ event: "warning", message: expect.stringContaining("was lost") });
  joinWith(url.replace(/#.*/, ""), { hello: { session } });
  expect((await measured).medianMs).toBeGreaterThan(0);
});

test("a device that does not come back makes the device unavailable, one that was never there does not", async () => {
  const { device: opened, url } = await opening("page", { patienceMs: 50 });
  const first = joinWith(url, { answer: async () => first.socket.terminate() });
  await using device = await opened;
  await expect(device.measure(network, brief)).rejects.toMatchObject({
    code: "DEVICE_UNAVAILABLE",
    message: expect.stringContaining("did not come back"),
  });
});

test("a model that a device dies of three times does not run there", async () => {
  const { device: opened, url } = await opening("page");
  const dying: Answer = async () => clients.at(-1)!.socket.terminate();
  const first = joinWith(url, { answer: dying });
  const session = sessionOf(await first.greeting);
  await using device = await opened;
  const measured = device.measure(network, brief).catch((error: unknown) => error);
  for (let last = first, i = 0; i < 2; i++) {
    await last.closed;
    last = joinWith(url.replace(/#.*/, ""), { hello: { session }, answer: dying });
  }
  expect(await measured).toMatchObject({ code: "MODEL_INVALID", message: expect.stringContaining("lost 3 times") });
});

test("a device that lies three times is given up; a lie costs it one connection each", async () => {
  const { device: opened, url, notices } = await opening("page");
  const lying: Answer = async ({ id }, _model, send) => {
    send({ kind: "started", id });
    send({ kind: "result", id, samples: Array<number>(9).fill(1e6), batch: 1, warmup: 1, timerMs: 0 });
  };
  let last = joinWith(url, { answer: lying });
  const session = sessionOf(await last.greeting);
  await using device = await opened;
  const measured = device.measure(network, brief).catch((error: unknown) => error);
  for (let i = 0; i < 2; i++) {
    await last.closed;
    last = joinWith(url.replace(/#.*/, ""), { hello: { session }, answer: lying });
  }
  expect(await measured).toMatchObject({
    code: "DEVICE_UNAVAILABLE",
    message: expect.stringContaining("cannot be true"),
  });
  const told = notices.filter((notice) => notice.event === "warning" && notice.message.includes("add up to"));
  expect(told.length).toBeGreaterThanOrEqual(3);
});

/** Measures two networks on a device that says these times and calls, one after the other; comes back when it is sent away. */
async function measuredBy(said: readonly (readonly [ms: number, overheadMs?: number])[]) {
  const left = [...said];
  const { device: opened, url, notices } = await opening("page");
  const answer: Answer = async ({ id }, _model, send) => {
    const [ms, overheadMs = 0] = left.length > 1 ? left.shift()! : left[0]!;
    send({ kind: "started", id });
    send({ kind: "result", id, samples: Array<number>(9).fill(ms), batch: 1, warmup: 1, timerMs: 0, overheadMs });
  };
  const client = joinWith(url, { answer });
  const session = sessionOf(await client.greeting);
  await using device = await opened;
  let connections = 1;
  let isOver = false;
  const back = async (last: PageClient): Promise<void> => {
    await last.closed;
    if (isOver) return;
    connections += 1;
    await back(joinWith(url.replace(/#.*/, ""), { hello: { session }, answer }));
  };
  void back(client);
  await device.measure(network, brief);
  const end = await device.measure(network, brief).then(
    ({ medianMs, overheadMs, isUnstable }) => ({ medianMs, overheadMs, isUnstable }),
    ({ code, message }: { code: string; message: string }) => ({ code, message }),
  );
  isOver = true;
  const told = notices.filter((notice) => notice.event === "warning" && notice.message.includes("cannot be true"));
  return { end, connections, told: told.length > 0 };
}

const given = (medianMs: number, overheadMs: number, isUnstable: boolean) => ({ medianMs, overheadMs, isUnstable });
const doubtful = [0.5, 0.5] as const;

test.each([
  ["a call that seems as long as the network", [[2], doubtful, [0.75, 0.25]], given(0.5, 0.25, false)],
  ["twice", [[2], doubtful, doubtful, [0.75, 0.25]], given(0.5, 0.25, false)],
  ["a number a thousand times too small", [[2], [0.001], [1]], given(1, 0, false)],
  [
    "a canary whose calls were disturbed",
    [
      [2, 1.9999],
      [0.75, 0.25],
    ],
    given(0.5, 0.25, false),
  ],
] as const)("%s is measured again on the same connection", async (_what, said, expected) => {
  expect(await measuredBy(said)).toEqual({ end: expected, connections: 1, told: false });
});

test("calls that seem as long as the network whenever it is measured stay in its time, which is unstable", async () => {
  const { end, ...rest } = await measuredBy([[2], doubtful]);
  expect(end).toEqual(given(expect.closeTo(0.5, 3) as number, 0, true));
  expect(rest).toEqual({ connections: 1, told: false });
});

test.each([
  ["a thousand times too small", [0.001]],
  ["too small even with its calls", [0.0015, 0.0014]],
] as const)(
  "a time that is %s whenever it is measured costs a connection each, and then the device",
  async (_what, lie) => {
    expect(await measuredBy([[2], lie])).toEqual({
      end: { code: "DEVICE_UNAVAILABLE", message: expect.stringContaining("cannot be true") },
      connections: 3,
      told: true,
    });
  },
);

test("what is plausible goes with the size of networks", () => {
  const plausibility = createPlausibility();
  expect(plausibility.allows({ madds: 1 }, 1e9)).toBe(true);
  const timing = { p90Ms: 1, lowMs: 1, highMs: 1, runs: 9, warmup: 1, isUnstable: false };
  plausibility.learn({ madds: 1e6 }, { ...timing, medianMs: 0.75, overheadMs: 0.25 });
  plausibility.learn({ madds: 1e6 }, { ...timing, medianMs: 1e9, overheadMs: 0 });
  for (const [madds, ms, isPlausible] of [
    [1e6, 999, true],
    [1e6, 1001, false],
    [1e6, 0.0011, true],
    [1e6, 0.0009, false],
    [1e8, 1001, true],
    [1e8, 1e5 + 1, false],
    [1e8, 0.0009, false],
    [1e4, 0.0009, true],
    [1e4, 1001, false],
    [null, 1e9, true],
  ] as const) {
    expect(plausibility.allows({ madds }, ms)).toBe(isPlausible);
  }
});

test("a page that is paused for too long makes the device unavailable, and keeps its connection", async () => {
  const { device: opened, url } = await opening("page", { patienceMs: 30 });
  const client = joinWith(url, { answer: async (_job, _model, send) => send({ kind: "paused", reason: "hidden" }) });
  await using device = await opened;
  await expect(device.measure(network, brief)).rejects.toMatchObject({
    code: "DEVICE_UNAVAILABLE",
    message: expect.stringContaining("paused"),
  });
  expect(client.socket.readyState).toBe(client.socket.OPEN);
});

test("a device that is paused is waited for, and what it was given stays open", async () => {
  const { device: opened, url, notices } = await opening("page");
  const client = joinWith(url, {
    answer: async ({ id }, _model, send) => {
      send({ kind: "paused", reason: "the page is hidden" });
      send({ kind: "resumed" });
      send({ kind: "started", id });
      send({
        kind: "result",
        id,
        samples: Array<number>(9).fill(0.5),
        batch: 2,
        warmup: 3,
        timerMs: 0.1,
        overheadMs: 0.1,
      });
    },
  });
  await client.greeting;
  await using device = await opened;
  expect(await device.measure(network, brief)).toMatchObject({ medianMs: 0.4, runs: 18, warmup: 3, overheadMs: 0.1 });
  expect(notices).toContainEqual({ event: "warning", message: expect.stringContaining("the page is hidden") });
});

interface Got {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: string;
}

/** Asks for a path exactly as it is written. */
const ask = (server: JoinServer, path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Got> =>
  new Promise((resolve, reject) => {
    const { port } = server.address;
    get({ host: "127.0.0.1", port, path, headers: { Host: `localhost:${port}`, ...headers }, method }, (response) => {
      let body = "";
      response.on("data", (text) => (body += String(text)));
      response.on("end", () => resolve({ status: response.statusCode!, headers: response.headers, body }));
    }).on("error", reject);
  });

test("the page is served with what isolates it, and no other file is", async () => {
  await using server = await openJoinServer(options());
  const index = await ask(server, "/?x");
  expect(index).toMatchObject({ status: 200, body: "<title>page</title>" });
  expect(index.headers).toMatchObject({
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-cache",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "x-content-type-options": "nosniff",
    "content-security-policy": expect.stringContaining("default-src 'none'"),
  });
  expect((await ask(server, "/assets/main-Ab3_x-9Z.js")).headers["cache-control"]).toContain("immutable");
  expect((await ask(server, "/assets/ort-wasm-simd-threaded.wasm")).headers).toMatchObject({
    "content-type": "application/wasm",
    "cache-control": "no-cache",
  });
  for (const path of ["/../secret.html", "/%2e%2e/secret.html", "//etc/passwd", "/assets", "/assets/../../secret.html"])
    expect(await ask(server, path)).toMatchObject({ status: 404 });
  expect(await ask(server, "/", {}, "POST")).toMatchObject({ status: 405 });
});

test("pages and names of other sites get nothing", async () => {
  await using server = await openJoinServer(options());
  const { port } = server.address;
  const url = inviteTo(server);
  for (const host of ["evil.example", `evil.example:${port}`, "localhost", "localhost:1"])
    expect(await ask(server, "/", { Host: host })).toMatchObject({ status: 403 });
  for (const headers of [
    { Origin: "http://evil.example" },
    { Origin: "null" },
    { Origin: `https://localhost:${port}` },
    { Host: `evil.example:${port}`, Origin: `http://evil.example:${port}` },
  ])
    await expect(joinWith(url, { headers }).greeting).rejects.toThrow("403");
  const ours = joinWith(url, { headers: { Origin: `http://localhost:${port}` } });
  expect(await ours.greeting).toMatchObject({ kind: "welcome" });
});

test("a folder without a page, and a port that is taken, are said", async () => {
  await expect(openJoinServer(options({ folder: space.dir }))).rejects.toMatchObject({
    code: "DEVICE_UNAVAILABLE",
    hint: "Run `npm run build`.",
  });
  await using server = await openJoinServer(options());
  await expect(openJoinServer(options({ address: server.address }))).rejects.toMatchObject({
    code: "DEVICE_UNAVAILABLE",
    message: `Cannot listen on 127.0.0.1:${server.address.port}: another program listens there`,
  });
});

test("two page devices of one process share a server, which ends with the last", async () => {
  const free = await openJoinServer(options());
  const { address } = free;
  await free[Symbol.asyncDispose]();
  const shared = options({ address });
  const urls = new Map<string, string>();
  const open = (name: string) =>
    openPage(`page:${name}`, name, {
      join: shared,
      onNotice: (notice) => notice.event === "join" && urls.set(name, notice.urls[0]!),
    });
  const both = [open("a"), open("b")];
  await vi.waitFor(() => expect(urls.size).toBe(2), { timeout: 20_000 });
  for (const url of urls.values()) await joinWith(url, { hello: { runtimes: [onnxWasm] } }).greeting;
  const [a, b] = await Promise.all(both);
  await a![Symbol.asyncDispose]();
  expect((await b!.measure(network, brief)).device).toBe(hello.device);
  await b![Symbol.asyncDispose]();
  await using again = await openJoinServer(shared);
  expect(again.address).toEqual(address);
});
