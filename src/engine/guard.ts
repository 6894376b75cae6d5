import { readFileSync } from "node:fs";

/** Address space that V8 reserves for a memory of WebAssembly so that no access can leave it unseen. */
const guardedBytes = 8 * 2 ** 30;

/** Addresses of this process in use, in bytes; null where the system does not say. */
function addressBytes(): number | null {
  try {
    const found = /^VmSize:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    return found === undefined ? null : 1024 * Number(found);
  } catch {
    return null;
  }
}

/**
 * Says that training is slow here, null where it is not: where addresses are limited, V8 cannot reserve them, and its code
 * checks each access to memory instead. Known on Linux only.
 */
export function guardWarning(): string | null {
  const before = addressBytes();
  if (before === null) return null;
  try {
    // Held, so that its addresses are still in use when they are counted.
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 });
    const isGuarded = addressBytes()! - before >= guardedBytes && memory.buffer.byteLength > 0;
    if (isGuarded) return null;
  } catch {
    // Not even the memory itself could be reserved.
  }
  return "addresses are limited here (ulimit -v), so each access to memory is checked and training takes up to twice as long; lift the limit";
}
