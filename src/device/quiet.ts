import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { breathe } from "../util/async.ts";

export interface WaitOptions {
  /** When it aborts, the work is done without waiting any longer. */
  readonly signal?: AbortSignal;
  /** Is called now and then while there is something to wait for. */
  readonly onWait?: () => void;
}

/**
 * Keeps measurements and training steps of all processes on this machine apart: many may train at a time, or one may
 * measure. The operating system gives a lock back when its holder dies, however it dies.
 */
export interface QuietLock extends Disposable {
  /** Does a piece of work, such as a training step, while nobody measures: at once, or when that is over. */
  shared<T>(work: () => T, options?: WaitOptions): Promise<T>;
  /** Does a piece of work, such as a measurement, while nobody else works; new shared work waits for it. */
  exclusive<T>(work: () => Promise<T>): Promise<T>;
}

/*
 * The lock is SQLite's own on an empty database with a rollback journal: a read transaction is shared, BEGIN EXCLUSIVE
 * is exclusive, and while the latter waits for readers to leave, no new ones come in. No data is ever written.
 */

/** One file per user, as users may not write each other's files. */
function defaultPath(): string {
  const { uid, username } = userInfo();
  return join(tmpdir(), `mnas-quiet-${uid < 0 ? username : uid}.db`);
}

const isBusy = (error: unknown): boolean => ((error as { errcode?: number }).errcode ?? 0) % 256 === 5;

/** A wait for shared work blocks the thread for so long at a time, and lets signals and messages come in between. */
const sliceMs = 100;

/** Exclusive work of this thread by file, done one after the other. */
const queues = new Map<string, Promise<unknown>>();
/** Files that this thread holds exclusively; waiting for oneself would be for ever. */
const held = new Set<string>();

/** Opens the lock of this machine and user. Where the file cannot be made or locked, work is done without a lock. */
export function openQuietLock(path: string = defaultPath()): QuietLock {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path);
  } catch {
    return { shared: async (work) => work(), exclusive: (work) => work(), [Symbol.dispose]: () => {} };
  }
  return lockOf(db, path);
}

function lockOf(db: DatabaseSync, path: string): QuietLock {
  /** Runs SQL, waiting up to `patienceMs` for others; false when that was too short. Other failures leave no lock. */
  const lock = (sql: string, patienceMs: number): boolean => {
    try {
      db.exec(`PRAGMA busy_timeout = ${patienceMs}; ${sql}`);
    } catch (error) {
      return !isBusy(error);
    }
    return true;
  };
  const unlock = (): void => {
    if (db.isOpen && db.isTransaction) db.exec("COMMIT");
  };
  const hold = async <T>(work: () => Promise<T>): Promise<T> => {
    // The wait blocks this thread, and a shorter one than the longest shared work never ends; so it grows.
    for (let patienceMs = 50; !lock("BEGIN EXCLUSIVE", patienceMs); patienceMs = Math.min(2 * patienceMs, 60_000)) {
      await breathe();
    }
    held.add(path);
    try {
      return await work();
    } finally {
      held.delete(path);
      unlock();
    }
  };

  return {
    shared: async (work, { signal, onWait } = {}) => {
      if (held.has(path)) return work();
      while (!lock("BEGIN; SELECT 1 FROM sqlite_schema", sliceMs)) {
        unlock();
        onWait?.();
        await breathe();
        if (signal?.aborted === true) return work();
      }
      try {
        return work();
      } finally {
        unlock();
      }
    },
    exclusive: (work) => {
      const result = (queues.get(path) ?? Promise.resolve()).then(() => hold(work));
      queues.set(
        path,
        result.catch(() => {}),
      );
      return result;
    },
    [Symbol.dispose]: () => {
      if (db.isOpen) db.close();
    },
  };
}
