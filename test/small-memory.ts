import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { entry, type Ended } from "./mnas.ts";

/** A control group of its own, as a container has one. */
export interface SmallMemory extends AsyncDisposable {
  /** Runs the command in the group. */
  readonly mnas: (args: readonly string[], cwd: string) => Promise<Ended>;
}

const old = "/sys/fs/cgroup/memory";
const unified = "/sys/fs/cgroup";

/** A group that may use so many bytes; a text that says why there is none where this user may not make one. */
export function smallMemory(bytes: number): SmallMemory | string {
  if (process.platform !== "linux") return "only Linux has control groups";
  const isOld = existsSync(join(old, "memory.limit_in_bytes"));
  const dir = join(isOld ? old : unified, `mnas-test-${process.pid}-${bytes}`);
  try {
    if (!isOld) writeFileSync(join(unified, "cgroup.subtree_control"), "+memory");
    mkdirSync(dir);
    // Else what is over the limit goes to the swap, where there is one.
    if (!isOld) writeFileSync(join(dir, "memory.swap.max"), "0");
    writeFileSync(join(dir, isOld ? "memory.limit_in_bytes" : "memory.max"), String(bytes));
    execFileSync("sh", ["-c", 'echo $$ > "$0"', join(dir, "cgroup.procs")]);
  } catch (error) {
    if (existsSync(dir)) rmdirSync(dir);
    return `control groups cannot be made here: ${String(error)}`;
  }
  return {
    mnas: (args, cwd) => {
      const words = ["-c", 'echo $$ > "$0" && exec "$@"', join(dir, "cgroup.procs"), process.execPath, entry, ...args];
      const child = spawn("sh", words, { cwd, stdio: ["ignore", "pipe", "pipe"] });
      let [stdout, stderr] = ["", ""];
      child.stdout.on("data", (text) => (stdout += String(text)));
      child.stderr.on("data", (text) => (stderr += String(text)));
      return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
    },
    async [Symbol.asyncDispose]() {
      for (let tries = 0; existsSync(dir) && tries < 50; tries++) {
        try {
          rmdirSync(dir);
        } catch {
          // A process that was killed is still being taken apart.
          await wait(100);
        }
      }
    },
  };
}
