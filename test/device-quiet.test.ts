import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { openQuietLock } from "../src/util/quiet.ts";
import { breathe } from "../src/util/async.ts";

const dir = mkdtempSync(join(tmpdir(), "mnas-quiet-"));
const children: ChildProcess[] = [];
let count = 0;
const scratch = (): string => join(dir, `${count++}`);

afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function start(...args: readonly string[]): ChildProcess {
  const child = fork(new URL("./device-quiet-holder.ts", import.meta.url), args);
  children.push(child);
  return child;
}

/** A process that holds the lock. */
async function holder(path: string, kind: "shared" | "exclusive"): Promise<ChildProcess> {
  const child = start(path, kind);
  expect(await once(child, "message")).toContain("locked");
  return child;
}

test("processes that train overlap with each other, and never with one that measures", async () => {
  const [path, log] = [scratch(), scratch()];
  writeFileSync(log, "");
  const kinds = { shared: ["200", "200"], exclusive: ["30", "30"] };
  const all = Object.entries(kinds).flatMap(([kind, turns]) => turns.map((n) => start(path, kind, n, log)));
  expect((await Promise.all(all.map((child) => once(child, "exit")))).map(([code]) => code as number)).toEqual([
    0, 0, 0, 0,
  ]);

  const lines = readFileSync(log, "utf8").trim().split("\n");
  expect(lines).toHaveLength(2 * 460);
  const inside = { shared: 0, exclusive: 0 };
  const seen = new Set<string>();
  for (const line of lines) {
    const [what, kind] = line.split(" ") as ["begin" | "end", keyof typeof inside];
    inside[kind] += what === "begin" ? 1 : -1;
    seen.add(JSON.stringify(inside));
  }
  const none = { shared: 0, exclusive: 0 };
  const allowed = [none, { ...none, shared: 1 }, { ...none, shared: 2 }, { ...none, exclusive: 1 }];
  expect(allowed.map((state) => JSON.stringify(state))).toEqual(expect.arrayContaining([...seen]));
});

test("two processes may train at the same time", async () => {
  const path = scratch();
  await holder(path, "shared");
  using lock = openQuietLock(path);
  expect(await lock.shared(() => "both")).toBe("both");
});

test.each(["shared", "exclusive"] as const)("a process killed with %s work gives the lock back", async (kind) => {
  const path = scratch();
  const child = await holder(path, kind);
  using lock = openQuietLock(path);
  let isDone = false;
  const measured = lock.exclusive(async () => (isDone = true));
  // Each turn of the event loop is one more try to get it.
  for (let i = 0; i < 3; i++) await breathe();
  expect(isDone).toBe(false);
  child.kill("SIGKILL");
  expect(await measured).toBe(true);
  expect(await lock.shared(() => "free")).toBe("free");
});

test("exclusive work of one thread is done one after the other, through one opening or two", async () => {
  const path = scratch();
  using first = openQuietLock(path);
  using second = openQuietLock(path);
  const log: string[] = [];
  const work = (name: string) => async (): Promise<void> => {
    log.push(`begin ${name}`);
    await breathe();
    log.push(`end ${name}`);
  };
  await Promise.all([first.exclusive(work("a")), second.exclusive(work("b")), first.exclusive(work("c"))]);
  expect(log).toEqual(["begin a", "end a", "begin b", "end b", "begin c", "end c"]);
});

test("shared work inside exclusive work of the same thread does not wait for itself", async () => {
  const path = scratch();
  using lock = openQuietLock(path);
  using other = openQuietLock(path);
  expect(await lock.exclusive(async () => other.shared(() => lock.shared(() => "done")))).toBe("done");
});

test("work that fails gives the lock back and passes the failure on", async () => {
  using lock = openQuietLock(scratch());
  const fail = (): never => {
    throw new Error("broken");
  };
  await expect(lock.exclusive(async () => fail())).rejects.toThrow("broken");
  await expect(lock.shared(fail)).rejects.toThrow("broken");
  expect(await lock.exclusive(async () => lock.shared(() => "free"))).toBe("free");
});

test("work is done without a lock where the file cannot be made or is none", async () => {
  const text = scratch();
  writeFileSync(text, "this is not a database".repeat(100));
  for (const path of [join(dir, "no", "such", "folder"), text]) {
    using lock = openQuietLock(path);
    expect([await lock.shared(() => 1), await lock.exclusive(async () => 2)]).toEqual([1, 2]);
  }
});
