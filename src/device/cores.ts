import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Trying each of many cores would take longer than it is worth. */
const mostCores = 8;

/** The numbers of a list such as "0-3,8", at most `mostCores` of them, evenly spread. */
export function parseCores(list: string): number[] {
  const cores = list.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i);
  });
  const step = Math.max(1, cores.length / mostCores);
  return Array.from({ length: Math.min(cores.length, mostCores) }, (_, i) => cores[Math.floor(i * step)]!);
}

/** Cores that this process may run on; none where a process cannot be tied to a core (only Linux can). */
export function allowedCores(): number[] {
  if (process.platform !== "linux") return [];
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    return list === undefined ? [] : parseCores(list);
  } catch {
    return [];
  }
}

/** Ties the main thread of this process to one core; false where that is not possible. */
const pinTo = (core: number): boolean =>
  spawnSync("taskset", ["-pc", String(core), String(process.pid)], { stdio: "ignore", timeout: 5000 }).status === 0;

/**
 * Ties the main thread to the core on which `calibrate`, a short piece of work that returns its milliseconds, is
 * fastest now. Cores of one machine differ: some are made slower, and on a shared machine some have a busy neighbour.
 *
 * @returns the milliseconds on that core.
 */
export async function pinToFastest(cores: readonly number[], calibrate: () => Promise<number>): Promise<number> {
  let fastest: { core: number; ms: number } | undefined;
  for (const core of cores) {
    if (!pinTo(core)) continue;
    const ms = await calibrate();
    if (fastest === undefined || ms < fastest.ms) fastest = { core, ms };
  }
  if (fastest === undefined) return calibrate();
  pinTo(fastest.core);
  return fastest.ms;
}
