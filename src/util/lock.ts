import { DatabaseSync } from "node:sqlite";

/** Whether SQLite says that another process has locked a file. */
export const isBusy = (error: unknown): boolean => ((error as { errcode?: number }).errcode ?? 0) % 256 === 5;

/**
 * Takes a file, an empty database that may be made for it, as a lock; null while another process has it for longer than
 * `patienceMs`. The operating system gives it back when its holder dies, however it dies. Throws what SQLite does.
 */
export function takeLock(file: string, patienceMs: number): Disposable | null {
  const db = new DatabaseSync(file);
  try {
    db.exec(`PRAGMA busy_timeout = ${patienceMs}; BEGIN EXCLUSIVE;`);
    return { [Symbol.dispose]: () => db.close() };
  } catch (error) {
    db.close();
    if (isBusy(error)) return null;
    throw error;
  }
}
