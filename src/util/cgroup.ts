import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/* Control groups, by which containers and batch systems limit processes on Linux; empty elsewhere. */

/** Files of one version of the interface, each below the folder of a group. */
interface Files {
  readonly limit: string;
  readonly usage: string;
  /** Keys of `memory.stat`: bytes of files that the system keeps and gives up when it needs the memory. */
  readonly fileCache: readonly string[];
  readonly kills: string;
  readonly quota: string;
  /** Null where the quota's file has the period too. */
  readonly period: string | null;
}

const versions: Readonly<Record<1 | 2, Files>> = {
  1: {
    limit: "memory.limit_in_bytes",
    usage: "memory.usage_in_bytes",
    fileCache: ["total_active_file", "total_inactive_file"],
    kills: "memory.oom_control",
    quota: "cpu.cfs_quota_us",
    period: "cpu.cfs_period_us",
  },
  2: {
    limit: "memory.max",
    usage: "memory.current",
    fileCache: ["active_file", "inactive_file"],
    kills: "memory.events",
    quota: "cpu.max",
    period: null,
  },
};

export function readText(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return null;
  }
}

/** The number behind a key, in a file of lines such as `oom_kill 3`. */
export function numberIn(text: string | null, key: string): number | null {
  const found = text
    ?.split("\n")
    .find((line) => line.startsWith(`${key} `))
    ?.slice(key.length);
  return found === undefined ? null : Number(found);
}

/** A number that a file holds alone; null for `max`, for -1, and for those so large that they mean no limit. */
function limitIn(text: string | null): number | null {
  const value = Number(text?.trim() || NaN);
  return value > 0 && value < 2 ** 60 ? value : null;
}

interface Group {
  readonly files: Files;
  /** Its folder, then those of the groups around it, as far as they can be seen from here. */
  readonly dirs: readonly string[];
}

/** The group of this process for a controller; `root` is where the system's files are. */
function groupOf(controller: "memory" | "cpu", root: string): Group | null {
  const lines = (readText(join(root, "proc/self/cgroup")) ?? "").split("\n").map((line) => line.split(":"));
  const old = lines.find(([, names]) => names?.split(",").includes(controller));
  const unified = lines.find(([id, names]) => id === "0" && names === "");
  const [, names = "", ...rest] = old ?? unified ?? [];
  const mounts = (old === undefined ? [""] : [names, controller]).map((name) => join(root, "sys/fs/cgroup", name));
  const mount = mounts.find((dir) => existsSync(dir));
  if (rest.length === 0 || mount === undefined) return null;
  // A path outside of what this process may see begins with "..".
  const steps = rest
    .join(":")
    .split("/")
    .filter((step) => step !== "" && step !== "..");
  const dirs = Array.from({ length: steps.length + 1 }, (_, up) => join(mount, ...steps.slice(0, steps.length - up)));
  return { files: versions[old === undefined ? 2 : 1], dirs: dirs.filter((dir) => existsSync(dir)) };
}

const smallest = (values: readonly (number | null)[]): number | null => {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.min(...known);
};

/** Bytes that this process's group and those around it allow and have left; null without a limit. */
export function memoryOfGroup(root = "/"): { readonly limit: number; readonly left: number } | null {
  const group = groupOf("memory", root);
  if (group === null) return null;
  const { files, dirs } = group;
  const levels = dirs.flatMap((dir) => {
    const limit = limitIn(readText(join(dir, files.limit)));
    if (limit === null) return [];
    const stat = readText(join(dir, "memory.stat"));
    const cache = files.fileCache.reduce((sum, key) => sum + (numberIn(stat, key) ?? 0), 0);
    const used = Number(readText(join(dir, files.usage)) ?? 0) - cache;
    return [{ limit, left: Math.max(0, limit - used) }];
  });
  const limit = smallest(levels.map((level) => level.limit));
  return limit === null ? null : { limit, left: smallest(levels.map((level) => level.left))! };
}

/** Cores' worth of time that this process's group may use; null without a quota. */
export function coresOfGroup(root = "/"): number | null {
  const group = groupOf("cpu", root);
  if (group === null) return null;
  const { files, dirs } = group;
  const shares = dirs.map((dir) => {
    const [quota = "", both = ""] = (readText(join(dir, files.quota)) ?? "").trim().split(" ");
    const period = files.period === null ? both : readText(join(dir, files.period));
    const [used, whole] = [limitIn(quota), limitIn(period)];
    return used === null || whole === null ? null : used / whole;
  });
  return smallest(shares);
}

/** How many processes of this process's group the system has killed for want of memory; null where it does not say. */
export function killsInGroup(root = "/"): number | null {
  const group = groupOf("memory", root);
  const dir = group?.dirs[0];
  return dir === undefined ? null : numberIn(readText(join(dir, group!.files.kills)), "oom_kill");
}
