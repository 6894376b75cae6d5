import { fork } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, expect, test } from "vitest";
import { createStore, openStore } from "../src/store/sqlite.ts";
import { proposal, storeConformance } from "./contract/store.ts";

const dirs: string[] = [];
const scratch = (): string => {
  const dir = mkdtempSync(join(tmpdir(), "mnas-store-"));
  dirs.push(dir);
  return dir;
};
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true });
});

storeConformance("a store in memory", () => createStore(":memory:"));
storeConformance("a store in a file", () => createStore(join(scratch(), "study.db")));

test("openStore() finds what another process wrote", () => {
  const file = join(scratch(), "study.db");
  createStore(file).add([proposal(0)]);
  using store = openStore(file);
  expect(store.trials("search")).toHaveLength(1);
});

test("createStore() does not touch a study that exists", () => {
  const file = join(scratch(), "study.db");
  createStore(file).add([proposal(0)]);
  expect(() => createStore(file)).toThrow("it exists");
  using store = openStore(file);
  expect(store.trials("search")).toHaveLength(1);
});

test("openStore() says what is wrong with a file that is no study", () => {
  const dir = scratch();
  const file = join(dir, "study.db");
  expect(() => openStore(file)).toThrow("no such file");
  writeFileSync(file, "not a database, but long enough to look at".repeat(50));
  expect(() => openStore(file)).toThrow(/Cannot read .*file is not a database/);
  writeFileSync(file, "");
  expect(() => openStore(file)).toThrow("its version is 0, not 2");
});

test("openStore() notices a damaged study", () => {
  const file = join(scratch(), "study.db");
  {
    using store = createStore(file);
    store.add(Array.from({ length: 400 }, (_, i) => proposal(i, `network ${i} `.repeat(20))));
  }
  const bytes = readFileSync(file);
  bytes.fill(0xff, 8192);
  writeFileSync(file, bytes);
  expect(() => openStore(file)).toThrow(/Cannot read .*malformed/);
});

/** Where the root page of a table lies in a file. */
function pageOf(file: string, table: string): { from: number; to: number } {
  using store = new DatabaseSync(file);
  const { rootpage } = store.prepare("SELECT rootpage FROM sqlite_master WHERE name = ?").get(table) as {
    rootpage: number;
  };
  const { page_size: size } = store.prepare("PRAGMA page_size").get() as { page_size: number };
  return { from: (rootpage - 1) * size, to: rootpage * size };
}

test("openStore() notices damage far from the trials", () => {
  const file = join(scratch(), "study.db");
  {
    using store = createStore(file);
    store.set("testCount", 1);
  }
  const { from, to } = pageOf(file, "study");
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.fill(0, from, to));
  expect(() => openStore(file)).toThrow(/Cannot read .*malformed/);
});

test("a value that is no JSON is damage too", () => {
  const file = join(scratch(), "study.db");
  {
    using store = createStore(file);
    store.add([proposal(0)]);
    store.measured({ phase: "search", number: 0 }, { medianMs: 1 });
  }
  const bytes = readFileSync(file);
  bytes.write("[", bytes.indexOf('{"medianMs"'));
  writeFileSync(file, bytes);
  using store = openStore(file);
  expect(() => store.trials("search")).toThrow(expect.objectContaining({ code: "RUN_INVALID" }));
});

test.skipIf(process.platform === "win32")("readStore() reads where nothing may be written", async () => {
  const dir = scratch();
  const file = join(dir, "study.db");
  const read = async (): Promise<unknown> => {
    chmodSync(dir, 0o555);
    try {
      return await new Promise((resolve, reject) => {
        const child = fork(new URL("./store-reader.ts", import.meta.url), [file]);
        let says: unknown = null;
        child.once("message", (message) => (says = message));
        child.once("error", reject);
        child.once("exit", () => resolve(says));
      });
    } finally {
      chmodSync(dir, 0o755);
    }
  };
  {
    using store = createStore(file);
    store.add([proposal(0)]);
    expect(await read()).toBe(1);
  }
  // Closed by its last user, a study is one file.
  expect(readdirSync(dir)).toEqual(["study.db"]);
  expect(await read()).toBe(1);
  expect(readdirSync(dir)).toEqual(["study.db"]);
});

test("processes that claim from one file never get the same trial", async () => {
  const file = join(scratch(), "study.db");
  using store = createStore(file);
  const count = 300;
  store.add(Array.from({ length: count }, (_, i) => proposal(i)));
  for (let number = 0; number < count; number++) store.measured({ phase: "search", number }, { medianMs: 1 });
  const taken = await Promise.all(
    ["a", "b", "c", "d"].map(
      (worker) =>
        new Promise<number[]>((resolve, reject) => {
          const child = fork(new URL("./store-claimer.ts", import.meta.url), [file, worker]);
          child.once("message", (numbers) => resolve(numbers as number[]));
          child.once("error", reject);
        }),
    ),
  );
  expect(taken.flat().toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
});
