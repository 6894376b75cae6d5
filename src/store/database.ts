import { existsSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { MnasError, type ErrorCode } from "../errors.ts";
import { isWritable } from "../util/files.ts";
import { createPatience, lookMs } from "./patience.ts";

/** Of study files; kept in the file itself. */
export const schemaVersion = 2;

const damaged = "The file is damaged or is not a study; restore it from a copy or start a new run.";
const freeSpace =
  "Free some disk space and go on with `mnas search`, or with --resume where a run had begun: nothing recorded is lost.";
const noLocks =
  "Choose an --out on a disk of this machine: the disk cannot lock or share files, as some networks' cannot.";

interface Meaning {
  readonly code: ErrorCode;
  readonly cannot: "write" | "read" | "open" | "use";
  readonly hint: string;
}

/** Extended codes of SQLITE_IOERR for shared memory: SHMOPEN, SHMSIZE, SHMLOCK, SHMMAP. */
const sharedMemory = new Set([18, 19, 20, 21].map((kind) => 10 + 256 * kind));

/** Result codes of SQLite, by number; an extended code stands before its plain one. */
const meanings = new Map<number, Meaning>([
  [5, { code: "RUN_BUSY", cannot: "use", hint: "Wait for the program that has it open, and try again." }],
  [13, { code: "DISK_FULL", cannot: "write", hint: freeSpace }],
  ...[11, 26].map((n): [number, Meaning] => [n, { code: "RUN_INVALID", cannot: "read", hint: damaged }]),
  ...[8, 14, 23].map((n): [number, Meaning] => [
    n,
    {
      code: "FILE_NOT_FOUND",
      cannot: "open",
      hint: "Check that the folder exists and that you may write to it.",
    },
  ]),
  // SQLITE_PROTOCOL, and SQLITE_IOERR of locks (UNLOCK, RDLOCK, CHECKRESERVEDLOCK, LOCK) and of shared memory.
  ...[15, ...[8, 9, 14, 15].map((kind) => 10 + 256 * kind), ...sharedMemory].map((n): [number, Meaning] => [
    n,
    { code: "DISK_FAULTY", cannot: "use", hint: noLocks },
  ]),
  [10, { code: "DISK_FAULTY", cannot: "use", hint: "Check the disk, or continue a copy of the run on another one." }],
]);

/** Bytes that SQLite takes for the memory that processes share. */
const sharedBytes = 32_768;

/** Whether the disk is full: SQLite says of its shared memory only that it cannot be made. */
function isFull(file: string): boolean {
  try {
    const { bavail, blocks, bsize } = statfsSync(dirname(file));
    return blocks > 0 && bavail * bsize < sharedBytes;
  } catch {
    return false;
  }
}

/** Rethrows what SQLite says as an error the user can act on. */
export function explain(error: unknown, file: string): never {
  if (error instanceof MnasError) throw error;
  const { errcode = -1, code } = error as { errcode?: number; code?: string };
  // A value that is no JSON is damage that SQLite cannot see.
  const isRoomless = code === "ENOSPC" || (sharedMemory.has(errcode) && isFull(file));
  const number = isRoomless ? 13 : error instanceof SyntaxError ? 11 : errcode;
  const meaning = meanings.get(number) ?? meanings.get(number & 0xff);
  if (meaning === undefined) throw error;
  const says = error instanceof Error ? error.message : String(error);
  const { hint } = meaning;
  throw new MnasError(meaning.code, `Cannot ${meaning.cannot} "${file}": ${says}`, { hint, cause: error });
}

/** Settings, and a look at the file: damage, locks and memory that cannot be shared show here. */
const look = "PRAGMA synchronous = NORMAL; SELECT 1 FROM sqlite_schema;";

/** Opens a database and runs SQL in it, waiting for other programs. Throws as SQLite does, but for `RUN_BUSY`. */
function open(file: string, sql: string, database: () => DatabaseSync = () => new DatabaseSync(file)): DatabaseSync {
  const db = database();
  try {
    createPatience(file)(() => db.exec(`PRAGMA busy_timeout = ${lookMs}; ${sql}`));
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** As `open`, with errors for the user. */
function opened(file: string, work: () => DatabaseSync): DatabaseSync {
  try {
    return work();
  } catch (error) {
    return explain(error, file);
  }
}

/**
 * Has a database keep its journal in a file instead of a write-ahead log (WAL), which needs memory that processes share:
 * some networks' disks and containers have none. One process alone can read a WAL without that.
 */
function leaveWal(file: string): DatabaseSync {
  open(file, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE;").close();
  return open(file, look);
}

/** Whether a database cannot be used for want of something that only a WAL needs. */
const lacksSharedMemory = (error: unknown): boolean =>
  [10, 14, 15].includes(((error as { errcode?: number }).errcode ?? 0) & 0xff);

function openOrLeaveWal(file: string, sql: string): DatabaseSync {
  try {
    return open(file, sql);
  } catch (error) {
    if (!lacksSharedMemory(error) || !existsSync(file)) throw error;
    try {
      return leaveWal(file);
    } catch {
      throw error;
    }
  }
}

/** Makes a database, with a WAL where the disk can have one. */
export const createDatabase = (file: string): DatabaseSync =>
  opened(file, () => openOrLeaveWal(file, `PRAGMA journal_mode = WAL; ${look}`));

/** Opens a database, with the kind of journal that it has, unless the disk it lies on now can have no WAL. */
export const openDatabase = (file: string): DatabaseSync => opened(file, () => openOrLeaveWal(file, look));

/**
 * Opens a file to read it. Where nothing may be written, SQLite cannot make the files that go with a WAL: those that a
 * search left are used, and without them the study is taken as one that does not change.
 */
export function readDatabase(file: string): DatabaseSync {
  if (isWritable(dirname(file)) && isWritable(file)) return openDatabase(file);
  const wal = `${file}-wal`;
  const url = pathToFileURL(file);
  if (!existsSync(wal) || statSync(wal).size === 0) url.searchParams.set("immutable", "1");
  return opened(file, () => open(file, look, () => new DatabaseSync(url, { readOnly: true })));
}

/** Opens a study and checks that it is whole. Throws `RUN_NOT_FOUND`, `RUN_INVALID`. */
export function checkStudy(open: (file: string) => DatabaseSync, file: string): DatabaseSync {
  if (!existsSync(file)) {
    throw new MnasError("RUN_NOT_FOUND", `Cannot open study "${file}": no such file`, {
      hint: "Start one with `mnas search`.",
    });
  }
  const db = open(file);
  try {
    const patience = createPatience(file);
    const found = patience(() => db.prepare("PRAGMA user_version").get()) as { user_version: number };
    if (found.user_version !== schemaVersion) {
      throw new MnasError(
        "RUN_INVALID",
        `Cannot open study "${file}": its version is ${found.user_version}, not ${schemaVersion}`,
        { hint: "It is not a study, or another version of mnas made it." },
      );
    }
    // So that damage shows here and not in the middle of a search; 1 ms for 1,000 trials.
    const { integrity_check: says } = patience(() => db.prepare("PRAGMA integrity_check(1)").get()) as {
      integrity_check: string;
    };
    if (says !== "ok") {
      throw new MnasError(
        "RUN_INVALID",
        `Cannot read "${file}": database is malformed: ${says.replaceAll("\n", " ")}`,
        {
          hint: damaged,
        },
      );
    }
    return db;
  } catch (error) {
    db.close();
    if (error instanceof MnasError) throw error;
    return explain(error, file);
  }
}
