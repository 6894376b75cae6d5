import { connect, createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { judgeRequest, pageUrls, parseAllowed, parsePublicUrl, type Access } from "../src/device/remote/access.ts";
import { openingOf } from "../src/cli/notices.ts";
import { parseAddress, reachableHosts } from "../src/device/remote/address.ts";
import { openJoinServer, type JoinServer } from "../src/device/remote/join-server.ts";
import { joinAs, pageFolder, type PageClient } from "./page-client.ts";
import { mnas, scratch } from "./mnas.ts";

const space = scratch();
const folder = pageFolder(space.dir);
const clients: PageClient[] = [];
afterEach(() => {
  for (const { socket } of clients.splice(0)) socket.terminate();
});

const at = (host: string, port: number, allowed: readonly string[] = [], publicUrl?: string): Access => ({
  host,
  port,
  allowed: allowed.map(parseAllowed),
  ...(publicUrl === undefined ? {} : { publicUrl: parsePublicUrl(publicUrl) }),
});
const local = at("127.0.0.1", 6627);
const standard = at("127.0.0.1", 80);
const tunnel = at("127.0.0.1", 6627, [], "https://Pi.example:443/");
const named = at("127.0.0.1", 6627, ["pi.lan", "NAS.lan:8080", "[2001:DB8:0::1]:90", "fd00::1"]);

/** Sockets that a page may open, or the host or origin that is refused. */
const verdict = (access: Access, host: string, origin?: string): readonly string[] | string => {
  const judged = judgeRequest({ host, ...(origin === undefined ? {} : { origin }) }, access);
  return "sockets" in judged ? judged.sockets : judged.unknown;
};
const both = (host: string): string[] => [`ws://${host}`, `wss://${host}`];

test.each<[string, Access, string, string | undefined, readonly string[] | string]>([
  ["port 80, which browsers leave out", standard, "localhost", "http://localhost", both("localhost")],
  ["port 80, which others write", standard, "localhost:80", "http://localhost:80", both("localhost")],
  ["port 80 in another case", standard, "LOCALHOST", "http://Localhost", both("localhost")],
  ["no port, where there is one", local, "localhost", undefined, "localhost"],
  ["another port", local, "localhost:8080", undefined, "localhost:8080"],
  ["127.0.0.2", at("127.0.0.2", 6627), "127.0.0.2:6627", "http://127.0.0.2:6627", both("127.0.0.2:6627")],
  ["long IPv6", at("::1", 6627), "[0:0:0:0:0:0:0:1]:6627", "http://[::1]:6627", both("[::1]:6627")],
  ["IPv6 on port 80", at("::", 80), "[::1]", "http://[::1]", both("[::1]")],
  ["IPv4 as a number", local, "2130706433:6627", undefined, both("127.0.0.1:6627")],
  ["an unknown name", local, "pi.lan:6627", undefined, "pi.lan:6627"],
  ["an allowed name on any port", named, "pi.lan:1234", "http://pi.lan:1234", both("pi.lan:1234")],
  ["an allowed name behind TLS", named, "pi.lan", "https://pi.lan", both("pi.lan")],
  ["an allowed name, of a page on another port", named, "pi.lan:6627", "http://pi.lan:99", "http://pi.lan:99"],
  ["an allowed port", named, "nas.LAN:8080", undefined, both("nas.lan:8080")],
  ["another port than the allowed", named, "nas.lan:8081", undefined, "nas.lan:8081"],
  ["an allowed IPv6", named, "[2001:db8::1]:90", "http://[2001:db8::1]:90", both("[2001:db8::1]:90")],
  ["an allowed IPv6 without brackets", named, "[fd00::1]:5", undefined, both("[fd00::1]:5")],
  ["a part of an allowed name", named, "evil-pi.lan", undefined, "evil-pi.lan"],
  ["a name below an allowed one", named, "pi.lan.evil.example", undefined, "pi.lan.evil.example"],
  ["a tunnel that hands on its name", tunnel, "pi.example", "https://pi.example", both("pi.example")],
  [
    "a proxy that says our name",
    tunnel,
    "127.0.0.1:6627",
    "https://pi.example",
    [...both("127.0.0.1:6627"), "wss://pi.example"],
  ],
  ["a tunnel's name without TLS", tunnel, "pi.example", "http://pi.example", "http://pi.example"],
  ["a tunnel's name on another port", tunnel, "pi.example:8443", undefined, "pi.example:8443"],
  ["a TLS origin nobody allowed", local, "localhost:6627", "https://localhost:6627", "https://localhost:6627"],
  ["another site", tunnel, "pi.example", "https://evil.example", "https://evil.example"],
  ["a page without an origin", tunnel, "pi.example", "null", "null"],
  ["no host", local, "", undefined, ""],
  ["a user in a host", named, "pi.lan@evil.example", undefined, ""],
  ["a path in a host", named, "pi.lan/evil", undefined, ""],
  ["a backslash in a host", named, "evil.example\\@pi.lan", undefined, ""],
  ["a policy in a host", named, "pi.lan; script-src *", undefined, ""],
  ["a command in a host", named, "$(reboot)", undefined, ""],
  ["a command in an origin", named, "pi.lan", "http://$(reboot)", "null"],
])("%s is judged as browsers write addresses", (_what, access, host, origin, expected) => {
  expect(verdict(access, host, origin)).toEqual(expected);
});

test("a request without a Host is refused", () => {
  expect(judgeRequest({}, local)).toMatchObject({ unknown: "" });
});

test.each(["", "http://pi.lan", "pi.lan/x", "a b", "pi.lan:99999", "*", "user@pi.lan"])(
  "--allow-host %j is refused",
  (text) => {
    expect(() => parseAllowed(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
  },
);

test.each([
  "",
  "pi.example",
  "pi.example:80",
  "ftp://pi.example",
  "https://",
  "https://pi.example/mnas",
  "https://a@b",
])("--public-url %j is refused", (text) => {
  expect(() => parsePublicUrl(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
});

test("an address that is printed is one that answers", async () => {
  const loopbacks = ["127.0.0.1", "127.0.0.2", "localhost", "127.1", "::1", "0:0:0:0:0:0:0:1"];
  const hosts = process.platform === "linux" ? loopbacks : ["127.0.0.1"];
  const answers = [];
  for (const host of hosts) {
    await using server = await openJoinServer({
      address: parseAddress(host.includes(":") ? `[${host}]` : host, 0),
      folder,
      stateFile: join(space.dir, "answers.json"),
    }).catch((error: Error) => ({ error: error.message, [Symbol.asyncDispose]: async () => {} }));
    // A container may have no IPv6.
    if ("error" in server) continue;
    let url = "";
    server.invite(null, ([first]) => (url = first!));
    answers.push((await fetch(url)).status);
    const client = joinAs(url, { headers: { Origin: new URL(url).origin } });
    clients.push(client);
    expect(await client.greeting).toMatchObject({ kind: "welcome" });
  }
  expect(answers).toEqual(answers.map(() => 200));
  expect(answers.length).toBeGreaterThan(0);
  expect(["127.0.0.2", "::1"].map(reachableHosts)).toEqual([["127.0.0.2"], ["::1"]]);
});

test("the public address comes first, and default ports are left out", () => {
  expect(pageUrls(tunnel)).toEqual(["https://pi.example/", "http://localhost:6627/"]);
  expect(pageUrls(at("127.0.0.1", 80, [], "http://localhost"))).toEqual(["http://localhost/"]);
});

/** A port map: what a router or a container does, which changes no byte. */
async function mapPort(port: number) {
  const map = createServer((socket) => {
    const target = connect(port, "127.0.0.1");
    socket.pipe(target).pipe(socket);
    for (const each of [socket, target]) each.on("error", () => {});
  });
  map.listen(0, "127.0.0.1");
  await once(map, "listening");
  return { port: (map.address() as AddressInfo).port, [Symbol.dispose]: () => void map.close() };
}

const opened = (address: Access): Promise<JoinServer> =>
  openJoinServer({ address, folder, stateFile: join(space.dir, "mapped.json") });

test("a refusal is told once for each host, and the option that it names lets the device join", async () => {
  await using server = await opened({ host: "127.0.0.1", port: 0 });
  const warnings: string[] = [];
  server.listen({ onWarning: (message) => warnings.push(message) });
  using map = await mapPort(server.address.port);
  const mapped = `http://127.0.0.1:${map.port}`;
  for (let i = 0; i < 3; i++) expect((await fetch(mapped)).status).toBe(403);
  const headers = { Origin: "https://pi.example" };
  for (let i = 0; i < 2; i++)
    await expect(joinAs(`http://localhost:${server.address.port}/`, { headers }).greeting).rejects.toThrow("403");
  expect(warnings).toEqual([
    `a browser asked for "127.0.0.1:${map.port}", which is no name of this server; if that leads here, use --allow-host 127.0.0.1:${map.port} (from 127.0.0.1)`,
    "a page of https://pi.example was refused; if that address leads here, use --public-url https://pi.example (from 127.0.0.1)",
  ]);
});

test.each([
  ["--allow-host", (port: number): Partial<Access> => ({ allowed: [parseAllowed(`127.0.0.1:${port}`)] })],
  ["--public-url", (port: number): Partial<Access> => ({ publicUrl: parsePublicUrl(`http://127.0.0.1:${port}`) })],
])("%s lets a device join through a port map", async (_option, named) => {
  const free = await opened({ host: "127.0.0.1", port: 0 });
  const { port } = free.address;
  await free[Symbol.asyncDispose]();
  using map = await mapPort(port);
  await using server = await opened({ host: "127.0.0.1", port, ...named(map.port) });
  let url = "";
  server.invite(null, ([first]) => (url = first!));
  const mapped = `http://127.0.0.1:${map.port}`;
  const page = await fetch(mapped);
  expect(page.status).toBe(200);
  expect(page.headers.get("content-security-policy")).toContain(`connect-src 'self' ws://127.0.0.1:${map.port} `);
  const client = joinAs(`${mapped}/${new URL(url).hash}`, { headers: { Origin: mapped } });
  clients.push(client);
  expect(await client.greeting).toMatchObject({ kind: "welcome" });
});

test("names that others make up are told of only so often", async () => {
  await using server = await opened({ host: "127.0.0.1", port: 0 });
  const warnings: string[] = [];
  server.listen({ onWarning: (message) => warnings.push(message) });
  for (let i = 0; i < 30; i++) {
    const client = joinAs(`http://localhost:${server.address.port}/`, { headers: { Host: `evil${i}.example` } });
    await expect(client.greeting).rejects.toThrow("403");
  }
  expect(warnings).toHaveLength(10);
});

test.each([
  ["host", { listen: "0.0.0.0" }, "--listen"],
  ["madds", { allowHost: ["pi.lan"] }, "--allow-host"],
  ["adb:123", { publicUrl: "https://pi.lan" }, "--public-url"],
  ["tcp://secret@pi.lan", { listen: "0.0.0.0" }, "--listen"],
  ["evaluator", { listen: "0.0.0.0" }, "--listen"],
])("device %s, which does not join, has no use for %o", (device, options, flag) => {
  const shown = device.replace("secret@", "");
  const message = `Cannot apply ${flag} to device "${shown}": it does not join, pages do`;
  expect(() => openingOf(device, options)).toThrow(expect.objectContaining({ code: "USAGE", message }));
  expect(openingOf(device, {}).listen).toMatchObject({ host: "127.0.0.1" });
});

test.each(["page", "page:pixel-8@litert-wasm", "table:t.json", "predictor:p.json"])(
  "device %s takes where devices join",
  (device) => {
    const { listen } = openingOf(device, { listen: "[::1]:80", allowHost: ["Pi.lan:1"], publicUrl: "HTTPS://Pi.lan/" });
    const allowed = [{ hostname: "pi.lan", port: 1 }];
    expect(listen).toEqual({ host: "::1", port: 80, allowed, publicUrl: "https://pi.lan" });
  },
);

test.each([
  ["--allow-host", "http://pi.lan", 'Cannot allow "http://pi.lan"'],
  ["--public-url", "pi.lan", 'Cannot use "pi.lan" as public address'],
])("%s %s on the command line is refused", async (option, value, message) => {
  const { code, stderr } = await mnas(["devices", option, value], space.dir);
  expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
});
