import { writeFileSync } from "node:fs";
import { availableParallelism, freemem, totalmem } from "node:os";
import { join } from "node:path";
import { coresOfGroup, killsInGroup, memoryOfGroup, numberIn, readText } from "./cgroup.ts";

/** Memory that this process and those that it starts can have, in bytes. */
export interface Memory {
  readonly total: number;
  /** Of the container or job, if that is less than the machine has; null without. */
  readonly limit: number | null;
  /** Free, or kept by the system for files that can be read again. Null where the system does not say so much. */
  readonly available: number | null;
}

/** What there is of memory; `root` is where the system's files are. */
export function memoryHere(root = "/"): Memory {
  const total = totalmem();
  const group = memoryOfGroup(root);
  const limit = group === null || group.limit >= total ? null : group.limit;
  // Elsewhere the free memory leaves out all that could be given up.
  const free = process.platform === "linux" ? freemem() : null;
  const available = group === null || free === null ? free : Math.min(free, group.left);
  return { total, limit, available };
}

/** Cores that this process may use, by its affinity and by the quota of its container; a part of one counts as one. */
export const usableCores = (root = "/"): number =>
  Math.max(1, Math.min(availableParallelism(), Math.ceil(coresOfGroup(root) ?? Infinity)));

/**
 * How many processes the system has killed for want of memory, here or, where the container does not tell, on the whole
 * machine; counted before they die. Null where nothing tells.
 */
export const memoryKills = (root = "/"): number | null =>
  killsInGroup(root) ?? numberIn(readText(join(root, "proc/vmstat")), "oom_kill");

/**
 * Tells of each death from now on whether the system killed for want of memory. Each kill that it counted explains one
 * death; where nothing is counted, a SIGKILL that mnas did not send is taken for the system's.
 */
export function watchKills(kills = memoryKills): (signal: string | null) => boolean {
  let explained = kills();
  return (signal) => {
    if (signal !== "SIGKILL") return false;
    if (explained === null) return true;
    const isCounted = (kills() ?? 0) > explained;
    if (isCounted) explained += 1;
    return isCounted;
  };
}

export const gib = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** Bytes of memory for people, with the container's limit if there is one. */
export const describeMemory = ({ total, limit }: Memory): string =>
  limit === null ? `this machine has ${gib(total)}` : `this container may use ${gib(limit)}`;

/** Whether an error means that the system gave no memory. */
export const isOutOfMemory = (error: unknown): boolean =>
  error instanceof RangeError && /allocat|grow/i.test(error.message);

/** Asks Linux to kill this process before its parent when memory is short. */
export function preferToKill(): void {
  try {
    writeFileSync("/proc/self/oom_score_adj", "500");
  } catch {
    // Where that is not possible, the system chooses by itself.
  }
}
