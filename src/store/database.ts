import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import { MnasError } from "../errors.ts";
import { isWritable } from "../util/files.ts";

/** Of study files; kept in the file itself. */
export const schemaVersion = 2;

const damaged = "The file is damaged or is not a study; restore it from a copy or start a new run.";

/** Rethrows what SQLite says as an error the user can act on. */
export function explain(error: unknown, file: string): never {
  const { errcode } = error as { errcode?: number };
  const code = errcode === undefined ? -1 : errcode & 0xff;
  const says = error instanceof Error ? error.message : String(error);
  if (code === 13 || (error as { code?: string }).code === "ENOSPC") {
    throw new MnasError("DISK_FULL", `Cannot write "${file}": ${says}`, {
      hint: "Free some disk space and go on with `mnas search`, or with --resume where a run had begun: nothing recorded is lost.",
      cause: error,
    });
  }
  // A value that is no JSON is damage that SQLite cannot see.
  if (code === 11 || code === 26 || error instanceof SyntaxError) {
    throw new MnasError("RUN_INVALID", `Cannot read "${file}": ${says}`, { hint: damaged, cause: error });
  }
  if (code === 14 || code === 8 || code === 10) {
    throw new MnasError("RUN_INVALID", `Cannot open "${file}": ${says}`, {
      hint: "Check that the folder exists and that you may write to it.",
      cause: error,
    });
  }
  throw error;
}

function attempt(file: string, open: () => DatabaseSync, settings: string): DatabaseSync {
  let db: DatabaseSync | undefined;
  try {
    db = open();
    db.exec(settings);
    return db;
  } catch (error) {
    db?.close();
    return explain(error, file);
  }
}

/** Opens or makes a file. The time-out comes first, so that switching to WAL waits for other processes too. */
export const openDatabase = (file: string): DatabaseSync =>
  attempt(
    file,
    () => new DatabaseSync(file),
    "PRAGMA busy_timeout = 30000; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;",
  );

/**
 * Opens a file to read it. Where nothing may be written, SQLite cannot make the files that go with a WAL: those that a
 * search left are used, and without them the study is taken as one that does not change.
 */
export function readDatabase(file: string): DatabaseSync {
  if (isWritable(dirname(file)) && isWritable(file)) return openDatabase(file);
  const wal = `${file}-wal`;
  const url = pathToFileURL(file);
  if (!existsSync(wal) || statSync(wal).size === 0) url.searchParams.set("immutable", "1");
  return attempt(file, () => new DatabaseSync(url, { readOnly: true }), "PRAGMA busy_timeout = 30000;");
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
    const found = db.prepare("PRAGMA user_version").get() as { user_version: number };
    if (found.user_version !== schemaVersion) {
      throw new MnasError(
        "RUN_INVALID",
        `Cannot open study "${file}": its version is ${found.user_version}, not ${schemaVersion}`,
        { hint: "It is not a study, or another version of mnas made it." },
      );
    }
    // So that damage shows here and not in the middle of a search; 1 ms for 1,000 trials.
    const { integrity_check: says } = db.prepare("PRAGMA integrity_check(1)").get() as { integrity_check: string };
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
