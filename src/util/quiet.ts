import { DatabaseSync } from "node:sqlite";
import { setTimeout } from "node:timers/promises";
import { breathe } from "./async.ts";
import { userFile } from "./home.ts";
import { isBusy } from "./lock.ts";

export interface WaitOptions {
  /** When it aborts, the work is done without waiting any longer; without it, a wait blocks the thread. */
  readonly signal: AbortSignal;
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

/** Between two looks of shared work that may be told not to wait; each takes half a millisecond from what is measured. */
const lookEveryMs = 200;

/** Exclusive work of this thread by file, done one after the other. */
const queues = new Map<string, Promise<unknown>>();
/** Files that this thread holds exclusively; waiting for oneself would be for ever. */
const held = new Set<string>();

/** Opens the lock of this machine and user. Where the file cannot be made or locked, work is done without a lock. */
export function openQuietLock(path: string = userFile("quiet")): QuietLock {
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
    shared: async (work, options) => {
      const { signal, onWait } = options ?? {};
      if (held.has(path)) return work();
      // To sleep in SQLite costs least, but hears nothing.
      while (!lock("BEGIN; SELECT 1 FROM sqlite_schema", signal === undefined ? 60_000 : 0)) {
        unlock();
        if (signal === undefined) continue;
        onWait?.();
        await setTimeout(lookEveryMs);
        if (signal.aborted) return work();
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
