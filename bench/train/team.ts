import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** How PyTorch is run. */
export interface Configuration {
  readonly layout: "nchw" | "channels_last";
  readonly processes: number;
  readonly threads: number;
}

/** Processes that train the same network, each by itself. */
export interface Team extends Disposable {
  /** Images per second of the first `count` processes, all training at once for so many seconds. */
  train(seconds: number, count?: number): Promise<number>;
  /** Losses of the first steps, of one process. */
  losses(steps: number): Promise<number[]>;
  /** Changes each weight at random, by so much of it (PyTorch only). */
  nudge(size: number): Promise<void>;
  /** GFLOP/s of matrix products, of the first `count` processes at once. */
  gemm(seconds: number, count?: number): Promise<number>;
  /** Most memory that one of the processes ever had resident. */
  peakBytes(): number;
}

interface Member {
  ask(command: string): Promise<unknown>;
  peakBytes(): number;
  stop(): void;
}

function startMember(program: string, args: readonly string[], environment: Record<string, string>): Member {
  const child = spawn(program, args, {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, ...environment },
  });
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  // Whoever writes to a process that is gone learns of it by the answer that does not come.
  child.stdin.on("error", () => {});
  return {
    async ask(command) {
      child.stdin.write(`${command}\n`);
      const { value, done } = await answers.next();
      if (done === true) throw new Error(`Cannot go on: ${[program, ...args].join(" ")} ended`);
      return JSON.parse(value) as unknown;
    },
    peakBytes() {
      const line = /VmHWM:\s*(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"));
      return 1024 * Number(line![1]);
    },
    stop: () => void child.kill(),
  };
}

function teamOf(members: readonly Member[]): Team {
  const all = <T>(command: string, count = members.length): Promise<T[]> =>
    Promise.all(members.slice(0, count).map((member) => member.ask(command) as Promise<T>));
  return {
    async train(seconds, count) {
      const windows = await all<{ images: number; seconds: number }>(`train ${seconds}`, count);
      return windows.reduce((sum, window) => sum + window.images / window.seconds, 0);
    },
    losses: async (steps) => (await all<number[]>(`losses ${steps}`, 1))[0]!,
    nudge: async (size) => void (await all(`nudge ${size}`)),
    gemm: async (seconds, count) =>
      (await all<number>(`gemm ${seconds}`, count)).reduce((sum, speed) => sum + speed, 0),
    peakBytes: () => Math.max(...members.map((member) => member.peakBytes())),
    [Symbol.dispose]: () => members.forEach((member) => member.stop()),
  };
}

const scriptAt = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const members = (count: number, start: () => Member): Member[] => Array.from({ length: count }, start);

/** Our engine: so many processes, as a search has workers. */
export const startOurs = (folder: string, processes: number): Team =>
  teamOf(members(processes, () => startMember(process.execPath, [scriptAt("ours.ts"), folder], {})));

/** PyTorch says that it has no NumPy, which nobody here needs. */
export const quiet = { PYTHONWARNINGS: "ignore:Failed to initialize NumPy" };

/** PyTorch at its best: memory that it freed is kept, so that it does not pay for page faults at every step. */
export function startPytorch(
  python: string,
  folder: string,
  { layout, processes, threads }: Configuration,
  padding: "exact" | "symmetric",
): Team {
  const much = String(2 ** 33);
  const environment = {
    OMP_NUM_THREADS: String(threads),
    ...quiet,
    MALLOC_MMAP_THRESHOLD_: much,
    MALLOC_MMAP_MAX_: "0",
    MALLOC_TRIM_THRESHOLD_: much,
    MALLOC_TOP_PAD_: String(2 ** 28),
  };
  const args = [scriptAt("pytorch.py"), folder, String(threads), layout, padding];
  return teamOf(members(processes, () => startMember(python, args, environment)));
}
