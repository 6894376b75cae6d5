import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { put } from "../data-files.ts";
import { scratch } from "../mnas.ts";

const space = scratch();
process.on("exit", () => space[Symbol.dispose]());

/** A new folder, with files. It is gone when the process ends. */
let serial = 0;
export function folderOf(files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const dir = join(space.dir, String(serial++));
  mkdirSync(dir);
  for (const [name, content] of Object.entries(files)) put(dir, name, content);
  return dir;
}

/** Does something with a file of these bytes, and removes it. */
export async function withFile<T>(
  dir: string,
  name: string,
  bytes: Uint8Array,
  work: (path: string) => T,
): Promise<Awaited<T>> {
  const path = put(dir, name, bytes);
  try {
    return await work(path);
  } finally {
    rmSync(path);
  }
}
