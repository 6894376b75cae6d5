import { existsSync, renameSync, rmSync, statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { MnasError } from "../errors.ts";
import { explain } from "../store/database.ts";
import { createStore, openStore, readStore } from "../store/sqlite.ts";
import type { Store } from "../store/store.ts";
import { isWritable, listNames, makeFolder, removeFolders } from "../util/files.ts";
import { holderOf, takeLock } from "../util/lock.ts";
import { shellWord } from "../util/shell.ts";

/** A run folder: `study.db` is the record, the rest is for people and tools. */
export interface Run extends Disposable {
  readonly dir: string;
  readonly store: Store;
}

/** Where runs go unless told otherwise. */
const runsDir = "runs";

const database = (dir: string): string => join(dir, "study.db");

const lockFile = "lock.db";

/** Only one process at a time may search in a run; the operating system drops the lock when the process ends. */
function lockRun(dir: string): Disposable {
  const refuse = (why: string, hint: string): never => {
    throw new MnasError("FILE_NOT_FOUND", `Cannot search in run "${dir}": ${why}`, { hint });
  };
  const lock = join(dir, lockFile);
  for (const path of [dir, database(dir), lock])
    if (existsSync(path) && !isWritable(path)) refuse(`"${path}" cannot be written`, "Continue a copy of the folder.");
  const isNew = !existsSync(lock);
  let taken: Disposable | null;
  try {
    taken = takeLock(lock, 500);
  } catch (error) {
    if (isNew) rmSync(lock, { force: true });
    explain(error, lock);
  }
  if (taken !== null) return taken;
  const { who, stop } = holderOf(lock);
  throw new MnasError("RUN_BUSY", `Cannot search in run "${dir}": ${who} is searching in it`, {
    hint: `Wait for it, or ${stop}.`,
  });
}

/** A new folder and those that were made for it, innermost first. */
interface NewFolder {
  readonly dir: string;
  readonly made: readonly string[];
}

/** Makes a folder under `runs/` named after the time in UTC, hence the Z, with a number where that is taken. */
function makeDefaultFolder(now: Date): NewFolder {
  const name = join(runsDir, `${now.toISOString().slice(0, 19).replace("T", "-").replaceAll(":", "")}Z`);
  for (let n = 1; ; n++) {
    const dir = n === 1 ? name : `${name}-${n}`;
    const made = makeFolder(dir);
    // Another process that starts now takes another name: only one of them makes the folder.
    if (made.includes(resolve(dir))) return { dir, made };
  }
}

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
  if (listNames(dir).some((name) => !name.startsWith(lockFile)))
    refuse("it exists and is not empty", "Choose another --out, or empty it yourself.");
}

function makeNamedFolder(dir: string): NewFolder {
  checkFree(dir);
  return { dir, made: makeFolder(dir) };
}

/**
 * Makes a run in a folder that is empty or not there, by default one under `runs/` named after the time in UTC, and owns it.
 * When that fails, it removes what it made and nothing else.
 *
 * @throws MnasError `RUN_EXISTS`, or `RUN_BUSY` when another process is making a run there.
 */
export function createRun(out: string | undefined, init: (store: Store) => void): Run {
  const { dir, made } = out === undefined ? makeDefaultFolder(new Date()) : makeNamedFolder(out);
  const files: string[] = [];
  let lock: Disposable | undefined;
  try {
    lock = lockRun(dir);
    // Again, as a run may have been made in the meantime.
    checkFree(dir);
    // Filled under another name first, so that a run that exists is a run that can be resumed.
    const temporary = join(dir, "study.new.db");
    files.push(
      join(dir, lockFile),
      ...[temporary, database(dir)].flatMap((db) => [db, `${db}-wal`, `${db}-shm`, `${db}-journal`]),
    );
    {
      using store = createStore(temporary);
      init(store);
    }
    renameSync(temporary, database(dir));
    return runOf(dir, openStore(database(dir)), lock);
  } catch (error) {
    for (const file of files) rmSync(file, { force: true });
    lock?.[Symbol.dispose]();
    removeFolders(made);
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

/** Whether a name can only be a path. */
const isPath = (name: string): boolean => isAbsolute(name) || /^\.{1,2}(?:[\\/]|$)/.test(name);

/** The folder of a run given by path, or by its name under `runs/`. Throws `RUN_NOT_FOUND`, `USAGE` when it names two. */
export function findRun(name: string): string {
  const places = isPath(name) ? [name] : [name, join(runsDir, name)];
  const [found, other] = places.filter((dir) => existsSync(database(dir)));
  if (other !== undefined) {
    throw new MnasError("USAGE", `Cannot tell which run "${name}" means: there are "./${name}" and "${other}"`, {
      hint: `Use ./${name}, or ./${other}.`,
    });
  }
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

/** Opens a run to continue it. Throws `RUN_BUSY` when another process is searching in it. */
export function ownRun(dir: string): Run {
  const lock = lockRun(dir);
  try {
    return runOf(dir, openStore(database(dir)), lock);
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}
