import type { ChildProcess } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { expect, test } from "vitest";
import { recordConfig, resolveConfig } from "../src/config/config.ts";
import { pageFolder } from "../src/device/remote/site.ts";
import { mnas, scratch, start } from "./mnas.ts";
import { joinAs } from "./page-client.ts";

interface Line {
  readonly event: string;
  readonly urls: readonly string[];
  readonly runtimes: readonly { readonly device: string }[];
}

/** The next event of that kind among lines of JSON. */
function events(stream: Readable | null): (event: string) => Promise<Line> {
  const lines = createInterface({ input: stream! })[Symbol.asyncIterator]();
  return async (event) => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`no ${event}`);
      const line = JSON.parse(value) as Line;
      if (line.event === event) return line;
    }
  };
}
const stop = ({ child, ended }: { child: ChildProcess; ended: Promise<unknown> }): Promise<unknown> => {
  child.kill("SIGINT");
  return ended;
};

// The page is built with the package.
test.skipIf(!existsSync(join(pageFolder, "index.html")))(
  "a page joins mnas devices, and comes back by itself to mnas measure, and to a search",
  async () => {
    using space = scratch();
    const env = { XDG_STATE_HOME: join(space.dir, "state") };
    const listing = start(["devices", "--port", "0", "--json"], space.dir, env);
    const next = events(listing.child.stdout);
    const { urls } = await next("join");
    const greeting = await joinAs(urls[0]!).greeting;
    if (greeting.kind !== "welcome") throw new Error(greeting.kind);
    const { session } = greeting;
    expect((await next("joined")).runtimes.map(({ device }) => device)).toEqual(["page:pixel-8"]);
    expect((await next("join")).urls[0]).not.toBe(urls[0]);
    expect(await stop(listing)).toMatchObject({ code: 0 });
    expect(readFileSync(join(space.dir, "state", "mnas", "sessions.json"), "utf8")).not.toContain(session);

    const args = ["--device", "page:pixel-8", "--listen", "127.0.0.1:0", "--json"];
    const measuring = start(["measure", "mobilenet-v2", "--width", "0.1", ...args], space.dir, env);
    const [url] = (await events(measuring.child.stderr)("join")).urls;
    joinAs(url!.replace(/#.*/, ""), { hello: { session } });
    const measured = await measuring.ended;
    expect(measured).toMatchObject({ code: 0 });
    expect(JSON.parse(measured.stdout)).toMatchObject([{ origin: "web", device: "Pixel 8" }]);

    const few = ["--trials", "1", "--batch", "1", "--finalists", "0", "--target", "1us", "--out", "run"];
    const searching = start(["search", ...few, ...args], space.dir, env);
    const inSearch = events(searching.child.stdout);
    joinAs((await inSearch("join")).urls[0]!.replace(/#.*/, ""), { hello: { session } });
    expect(await inSearch("device")).toMatchObject({ name: "page:pixel-8", origin: "web" });
    expect(await searching.ended).toMatchObject({ code: 0 });
  },
);

test.skipIf(!existsSync(join(pageFolder, "index.html")))("Ctrl-C ends the wait for a page", async () => {
  using space = scratch();
  const env = { XDG_STATE_HOME: space.dir };
  const searching = start(["search", "--device", "page", "--listen", "127.0.0.1:0", "--json"], space.dir, env);
  await events(searching.child.stdout)("join");
  expect(await stop(searching)).toMatchObject({ code: 130 });
});

test("an address that is none is refused", async () => {
  using space = scratch();
  const { code, stderr } = await mnas(["measure", "mobilenet-v2", "--device", "page", "--listen", "a b"], space.dir);
  expect([code, stderr]).toEqual([2, expect.stringContaining('Cannot listen on "a b"')]);
  const far = await mnas(["devices", "--port", "99999999"], space.dir);
  expect([far.code, far.stderr]).toEqual([2, expect.stringContaining('Cannot listen on "127.0.0.1:99999999"')]);
});

test("a token is kept out of messages and of the record of a run", async () => {
  const device = "tcp://the-secret-token@127.0.0.1:1";
  expect(recordConfig(resolveConfig({ device }, "test")).device).toBe("tcp://127.0.0.1:1");
  using space = scratch();
  const searching = await mnas(["search", "--device", device], space.dir);
  expect(searching.code).toBe(4);
  expect(searching.stderr).not.toContain("the-secret-token");
});
