import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { DatabaseSync } from "node:sqlite";

/** Whether SQLite says that another process has locked a file. */
export const isBusy = (error: unknown): boolean => ((error as { errcode?: number }).errcode ?? 0) % 256 === 5;

/** Names the holder of a lock for people, and for nothing else: the lock itself is the system's. */
const holderFile = (file: string): string => `${file}-holder`;

/**
 * Takes a file, an empty database that may be made for it, as a lock; null while another process has it for longer than
 * `patienceMs`. The operating system gives it back when its holder dies, however it dies. Throws what SQLite does.
 */
export function takeLock(file: string, patienceMs: number): Disposable | null {
  const db = new DatabaseSync(file);
  try {
    db.exec(`PRAGMA busy_timeout = ${patienceMs}; BEGIN EXCLUSIVE;`);
  } catch (error) {
    db.close();
    if (isBusy(error)) return null;
    throw error;
  }
  try {
    writeFileSync(holderFile(file), `${process.pid} ${hostname()}\n`);
  } catch {
    // The lock holds without a name.
  }
  return {
    [Symbol.dispose]: () => {
      try {
        rmSync(holderFile(file), { force: true });
      } finally {
        db.close();
      }
    },
  };
}

/** Who has taken a lock, and how to stop it. */
export interface Holder {
  readonly who: string;
  readonly stop: string;
}

/** The holder of a lock that is taken: the process by its number, where that is known. */
export function holderOf(file: string): Holder {
  try {
    const [pid = "", host = ""] = readFileSync(holderFile(file), "utf8").trim().split(" ");
    if (host !== hostname()) return { who: `process ${pid} on "${host}"`, stop: `stop it there with \`kill ${pid}\`` };
    // A holder that was killed leaves its name behind.
    process.kill(Number(pid), 0);
    return { who: `process ${pid}`, stop: `stop it with \`kill ${pid}\`` };
  } catch (error) {
    const isForeign = (error as NodeJS.ErrnoException).code === "EPERM";
    return { who: isForeign ? "a process of another user" : "another process", stop: "stop it first" };
  }
}
