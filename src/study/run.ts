import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { MnasError } from "../errors.ts";
import { explain } from "../store/database.ts";
import { createStore, openStore, readStore } from "../store/sqlite.ts";
import type { Store } from "../store/store.ts";
import { isWritable, listNames, makeFolder } from "../util/files.ts";
import { shellWord } from "../util/shell.ts";

/** A run folder: `study.db` is the record, the rest is for people and tools. */
export interface Run extends Disposable {
  readonly dir: string;
  readonly store: Store;
}

/** Where runs go unless told otherwise. */
const runsDir = "runs";

const database = (dir: string): string => join(dir, "study.db");

/** SQLite's code for a file that another process has locked. */
const busy = 5;

/** Only one process at a time may search in a run; the operating system drops the lock when the process ends. */
function lockRun(dir: string): Disposable {
  const refuse = (why: string, hint: string, cause?: unknown): never => {
    throw new MnasError("RUN_INVALID", `Cannot continue run "${dir}": ${why}`, { hint, cause });
  };
  const lock = join(dir, "lock.db");
  for (const path of [dir, database(dir), lock])
    if (existsSync(path) && !isWritable(path)) refuse(`"${path}" cannot be written`, "Continue a copy of the folder.");
  const db = new DatabaseSync(lock);
  try {
    db.exec("PRAGMA busy_timeout = 500; BEGIN EXCLUSIVE;");
  } catch (error) {
    db.close();
    if (((error as { errcode?: number }).errcode ?? 0) % 256 !== busy) explain(error, lock);
    refuse("another process is searching in it", "Wait for it, or stop it first.", error);
  }
  return { [Symbol.dispose]: () => db.close() };
}

/** The folder for a new run: `out`, or one under `runs/` named after the time. */
export const newRunDir = (out: string | undefined, now: Date): string =>
  out ?? join(runsDir, now.toISOString().slice(0, 19).replace("T", "-").replaceAll(":", ""));

/** Throws `RUN_EXISTS` unless there is nothing, or an empty folder. */
function checkFree(dir: string): void {
  const refuse = (why: string, hint: string): never => {
    throw new MnasError("RUN_EXISTS", `Cannot start a run in "${dir}": ${why}`, { hint });
  };
  if (existsSync(database(dir)))
    refuse(
      "it holds one already",
      `Continue it with \`mnas search --resume ${shellWord(dir)}\`, or choose another --out.`,
    );
  if (!existsSync(dir)) return;
  if (!statSync(dir).isDirectory()) refuse("it is a file", "Choose another --out.");
  if (listNames(dir).length > 0) refuse("it exists and is not empty", "Choose another --out, or empty it yourself.");
}

/** Makes a run folder and owns it. Throws `RUN_EXISTS`, and leaves nothing behind when it cannot be made. */
export function createRun(dir: string, init: (store: Store) => void): Run {
  checkFree(dir);
  const first = makeFolder(dir);
  let lock: Disposable | undefined;
  try {
    lock = lockRun(dir);
    // Filled under another name first, so that a run that exists is a run that can be resumed.
    const temporary = join(dir, "study.new.db");
    {
      using store = createStore(temporary);
      init(store);
    }
    renameSync(temporary, database(dir));
    return runOf(dir, openStore(database(dir)), lock);
  } catch (error) {
    lock?.[Symbol.dispose]();
    rmSync(first ?? dir, { recursive: true, force: true });
    throw error;
  }
}

const runOf = (dir: string, store: Store, lock?: Disposable): Run => ({
  dir,
  store,
  [Symbol.dispose]: () => {
    store[Symbol.dispose]();
    lock?.[Symbol.dispose]();
  },
});

/** The folder of a run given by path, or by its name under `runs/`. Throws `RUN_NOT_FOUND`. */
export function findRun(name: string): string {
  const places = [name, join(runsDir, name)];
  const found = places.find((dir) => existsSync(database(dir)));
  if (found !== undefined) return found;
  // A folder that cannot be looked into says so.
  for (const dir of places) if (existsSync(dir) && statSync(dir).isDirectory()) listNames(dir);
  throw new MnasError(
    "RUN_NOT_FOUND",
    `Cannot find run "${name}": no study.db in ${places.map((dir) => `"${dir}"`).join(" or ")}`,
    {
      hint: "Name a run folder; start one with `mnas search`.",
    },
  );
}

/** The newest run under `runs/`. Throws `RUN_NOT_FOUND` when there is none. */
export function latestRun(): string {
  const dirs = existsSync(runsDir) ? listNames(runsDir).map((name) => join(runsDir, name)) : [];
  const runs = dirs.filter((dir) => existsSync(database(dir)));
  const newest = runs.sort((a, b) => statSync(database(b)).mtimeMs - statSync(database(a)).mtimeMs)[0];
  if (newest !== undefined) return newest;
  throw new MnasError("RUN_NOT_FOUND", `Cannot find a run in "${runsDir}"`, { hint: "Start one with `mnas search`." });
}

/** Opens a run to read it, also while a search is going on in it, and where nothing may be written. */
export const openRun = (dir: string): Run => runOf(dir, readStore(database(dir)));

/** Opens a run to continue it. Throws `RUN_INVALID` when another process is searching in it. */
export function ownRun(dir: string): Run {
  const lock = lockRun(dir);
  try {
    return runOf(dir, openStore(database(dir)), lock);
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}
