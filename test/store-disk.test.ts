/* Studies on disks that lack something, and beside other programs. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, afterEach, expect, test, vi } from "vitest";
import { explain } from "../src/store/database.ts";
import { onStoreWait } from "../src/store/patience.ts";
import { createStore, openStore } from "../src/store/sqlite.ts";
import { proposal } from "./contract/store.ts";
import { mnas, scratch, start } from "./mnas.ts";
import { smallDisk } from "./small-disk.ts";
import { toyConfig } from "./toy.ts";

afterEach(() => void vi.restoreAllMocks());

const journalOf = (file: string): unknown => {
  using db = new DatabaseSync(file);
  return db.prepare("PRAGMA journal_mode").get();
};

/** Another program that has a database for itself. */
function hold(file: string): Disposable {
  const db = new DatabaseSync(file);
  db.exec("PRAGMA busy_timeout = 60000; BEGIN EXCLUSIVE");
  return { [Symbol.dispose]: () => db.close() };
}

test("a study is used where a WAL can share no memory, new or made on another disk", () => {
  using folder = scratch();
  const file = join(folder.dir, "study.db");
  const share = `${file}-shm`;
  symlinkSync(share, share);
  {
    using store = createStore(file);
    store.add([proposal(0)]);
    using reader = openStore(file);
    expect(reader.trials("search")).toHaveLength(1);
  }
  expect(journalOf(file)).toEqual({ journal_mode: "delete" });

  const moved = join(folder.dir, "moved.db");
  {
    using store = createStore(moved);
    store.add([proposal(0)]);
  }
  expect(journalOf(moved)).toEqual({ journal_mode: "wal" });
  symlinkSync(`${moved}-shm`, `${moved}-shm`);
  using store = openStore(moved);
  store.add([proposal(1)]);
  expect(store.trials("search")).toHaveLength(2);
});

const disk = smallDisk();
afterAll(() => disk?.[Symbol.dispose]());

test.skipIf(disk === null)("a study on a full disk that cannot be read says that the disk is full", () => {
  const file = join(disk!.dir, "study.db");
  {
    using store = createStore(file);
    store.add([proposal(0)]);
  }
  disk!.fill(0);
  expect(() => openStore(file)).toThrow(expect.objectContaining({ code: "DISK_FULL" }));
  disk!.empty();
  using store = openStore(file);
  expect(store.trials("search")).toHaveLength(1);
});

const config = toyConfig(
  'device: "madds", target: 0.02, trials: 6, batch: 3, workers: 2, finalists: 0, proxy: { epochs: 0.1 }',
);

/** Folders that are made by a test and gone after it, with a config of a short search. */
function workplace() {
  const folder = scratch();
  writeFileSync(join(folder.dir, "mnas.config.ts"), config);
  return folder;
}

const trialsOf = async (run: string, cwd: string): Promise<readonly { readonly state: string }[]> =>
  JSON.parse((await mnas(["trials", run, "--json"], cwd)).stdout) as { state: string }[];

test.skipIf(process.platform === "win32")(
  "a run goes on, with two workers, on a disk without shared memory",
  async () => {
    using folder = workplace();
    await mnas(["search", "--trials", "3", "--out", "run"], folder.dir);
    const share = join(folder.dir, "run", "study.db-shm");
    symlinkSync(share, share);
    expect(await mnas(["search", "--resume", "run", "--trials", "6"], folder.dir)).toMatchObject({ code: 0 });
    expect((await trialsOf("run", folder.dir)).map(({ state }) => state)).not.toContain("waiting");
  },
);

/** A library that forbids to map files that end in -shm; null where there is no compiler. */
function diskWithoutSharing(dir: string): string | null {
  const library = join(dir, "noshare.so");
  const source = new URL("./noshare.c", import.meta.url).pathname;
  try {
    execFileSync("cc", ["-shared", "-fPIC", "-o", library, source, "-ldl"], { stdio: "ignore" });
    return library;
  } catch {
    return null;
  }
}
const hasCompiler = ((): boolean => {
  using folder = scratch();
  return process.platform === "linux" && diskWithoutSharing(folder.dir) !== null;
})();

test.runIf(hasCompiler)(
  "a search runs, with two workers, where files cannot be mapped (needs a C compiler)",
  async () => {
    using folder = workplace();
    const env = { LD_PRELOAD: diskWithoutSharing(folder.dir)! };
    const { code, stderr } = await start(["search", "--out", "run"], folder.dir, env).ended;
    expect({ code }, stderr).toEqual({ code: 0 });
    expect(readdirSync(join(folder.dir, "run"))).not.toContain("study.db-shm");
    expect(await trialsOf("run", folder.dir)).toHaveLength(6);
  },
);

test("a study that another program holds is waited for, with a word", () => {
  using folder = scratch();
  const file = join(folder.dir, "study.db");
  using store = createStore(file);
  const said: string[] = [];
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (now += 2000));
  const held = hold(file);
  onStoreWait((message) => {
    said.push(message);
    held[Symbol.dispose]();
    return () => said.push("over");
  });
  store.add([proposal(0)]);
  expect(said).toEqual([`waiting for "${file}", which another program holds`, "over"]);
  expect(store.trials("search")).toHaveLength(1);
});

test("a study that another program keeps is an error that names it, and is used again after that", () => {
  using folder = scratch();
  const file = join(folder.dir, "study.db");
  using store = createStore(file);
  let now = 0;
  vi.spyOn(performance, "now").mockImplementation(() => (now += 70_000));
  onStoreWait(() => () => {});
  {
    using _ = hold(file);
    const refused = { code: "RUN_BUSY", message: `Cannot use "${file}": another program has held it for 140 s` };
    expect(() => store.add([proposal(0)])).toThrow(expect.objectContaining(refused));
    // What follows is the end of a command: it waits no longer.
    expect(() => store.releaseAll()).toThrow(expect.objectContaining({ code: "RUN_BUSY" }));
  }
  store.add([proposal(0)]);
  expect(store.trials("search")).toHaveLength(1);
});

test("a search waits while a viewer holds its study, says so, and ends well", async () => {
  using folder = workplace();
  const { child, ended } = start(["search", "--trials", "24", "--out", "run"], folder.dir);
  let held: Disposable | null = null;
  child.stderr!.on("data", (text) => {
    const file = join(folder.dir, "run", "study.db");
    if (held === null && String(text).includes("batch") && existsSync(file)) held = hold(file);
    if (String(text).includes("which another program holds")) held?.[Symbol.dispose]();
  });
  const { code, stderr } = await ended;
  expect({ code }, stderr).toEqual({ code: 0 });
  expect(stderr).toMatch(
    /warning: waiting for "run\/study\.db", which another program holds; Ctrl-C ends the command\n/,
  );
});

test.each([
  [13, "DISK_FULL", "Free some disk space"],
  [11, "RUN_INVALID", "damaged"],
  [26, "RUN_INVALID", "damaged"],
  [14, "FILE_NOT_FOUND", "you may write to it"],
  [1288, "FILE_NOT_FOUND", "you may write to it"],
  [5, "RUN_BUSY", "Wait for the program"],
  [261, "RUN_BUSY", "Wait for the program"],
  [266, "DISK_FAULTY", "Check the disk"],
  [3850, "DISK_FAULTY", "--out on a disk of this machine"],
  [5386, "DISK_FAULTY", "--out on a disk of this machine"],
  [15, "DISK_FAULTY", "--out on a disk of this machine"],
])("result code %i of SQLite is %s, with a hint", (errcode, code, hint) => {
  const error = Object.assign(new Error("says SQLite"), { errcode });
  expect(() => explain(error, "a.db")).toThrow(expect.objectContaining({ code, hint: expect.stringContaining(hint) }));
});
