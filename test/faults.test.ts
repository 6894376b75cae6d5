/*
 * Searches to which things are done: processes killed and stopped, disks filled, files damaged. Each must end as one that
 * was left alone, and must never lose what it had.
 */
import { execFileSync, fork } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { buildGraph } from "../src/arch/build.ts";
import { initWeights } from "../src/graph/weights.ts";
import { parseArch } from "../src/space/notation.ts";
import { loadCheckpoint } from "../src/train/checkpoint.ts";
import { recipes } from "../src/train/presets.ts";
import { loadState, saveState } from "../src/train/state.ts";
import { createRng, type Rng } from "../src/util/rng.ts";
import { childrenOf, scratch, workersOf } from "./mnas.ts";
import { attempts, gains, live, resultOf, type Life } from "./tormented.ts";

const isLinux = process.platform === "linux";
const program = fileURLToPath(new URL("./evaluator-program.ts", import.meta.url));

const settings = (more: object): string => `
const oneOf = (tag, choices) => ({ kind: "oneOf", tag, choices });
export default {
  space: { name: "toy", decisions: [], template: {
    stem: { kernel: 3, stride: 2, filters: 8 },
    blocks: [{ op: oneOf("op", ["sepconv", "mbconv3"]), kernel: oneOf("kernel", [3, 5]), stride: 2,
      filters: oneOf("filters", [8, 12]), layers: oneOf("layers", [1, 2]), seRatio: oneOf("seRatio", [0, 0.25]),
      skip: oneOf("skip", ["none", "pool"]) }],
    head: { filters: 0 }, dropout: 0 } },
  device: "madds", target: 0.02, trials: 12, batch: 4, workers: 2, seed: 5, finalists: 1,
  proxy: { epochs: 0.2, batch: 32 }, final: { epochs: 0.3, batch: 32 },
  ...${JSON.stringify(more)},
};
`;

/** What was done to the searches of this file, by kind. */
const faults = new Map<string, number>();
const count = (kind: string): void => void faults.set(kind, (faults.get(kind) ?? 0) + 1);

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    // It ended a moment ago.
    return false;
  }
}

/** Whether a process is there and is no zombie. */
const lives = (pid: number): boolean => existsSync(`/proc/${pid}`) && readFileSync(`/proc/${pid}/cmdline`).length > 0;

/** Something that is done to a running search; false when there was no chance. */
type Fault = (life: Life, rng: Rng) => Promise<boolean>;

/** Three deaths are a failure of the trial, by design; so none is killed that died before. */
const isYoung = ({ dir }: Life): boolean => attempts(dir) === 0;

const killMain: Fault = async ({ pid }) => send(pid, "SIGKILL");
const killWorker: Fault = async (life, rng) => {
  const workers = workersOf(life.pid);
  return workers.length > 0 && isYoung(life) && send(rng.pick(workers), "SIGKILL");
};
const pauseWorker: Fault = async ({ pid }, rng) => {
  const workers = workersOf(pid);
  if (workers.length === 0) return false;
  const worker = rng.pick(workers);
  const isDone = send(worker, "SIGSTOP");
  await wait(50 + rng.int(150));
  return send(worker, "SIGCONT") && isDone;
};
const programs = new Set<number>();
const programsOf = (pid: number): number[] => {
  const found = workersOf(pid).flatMap((worker) => childrenOf(worker, "evaluator-program"));
  for (const each of found) programs.add(each);
  return found;
};
const killEvaluator: Fault = async (life, rng) => {
  const running = programsOf(life.pid);
  return running.length > 0 && isYoung(life) && send(rng.pick(running), "SIGKILL");
};
/** It comes back to life only to be killed for its silence. */
const stopEvaluator: Fault = async (life, rng) => {
  const running = programsOf(life.pid);
  return running.length > 0 && isYoung(life) && send(rng.pick(running), "SIGSTOP");
};
const kinds: Readonly<Record<string, Fault>> = { killMain, killWorker, pauseWorker, killEvaluator, stopEvaluator };

/** Weights on the disk are cut off, or one of their bits is turned. */
function damage(file: string, rng: Rng): void {
  const bytes = readFileSync(file);
  if (rng.int(2) === 0) return writeFileSync(file, bytes.subarray(0, rng.int(bytes.length)));
  const at = rng.int(bytes.length);
  bytes[at]! ^= 1 << rng.int(8);
  writeFileSync(file, bytes);
}

const folder = scratch();
const dirOf = (name: string): string => join(folder.dir, name);
const args = (name: string): string[] => ["--config", `${name}.ts`];
const at = (dir: string) => ({ dir, cwd: folder.dir });
const leave = async (): Promise<void> => {};

const outside = {
  evaluate: { command: [process.execPath, program, "slow"], timeoutMs: 1500, startupTimeoutMs: 60_000 },
  final: { epochs: 0.3, batch: 32 },
};

beforeAll(async () => {
  writeFileSync(dirOf("builtin.ts"), settings({}));
  writeFileSync(dirOf("outside.ts"), settings(outside));
  writeFileSync(
    dirOf("host.ts"),
    settings({ device: "host", target: 1000, trials: 4, searcher: "random", finalists: 0 }),
  );
  for (const name of ["builtin", "outside"]) {
    expect(await live(args(name), at(dirOf(`whole-${name}`)), leave)).toMatchObject({ code: 0 });
  }
});
afterAll(() => folder[Symbol.dispose]());

/** Runs searches of a config to their ends, until each of the faults was done so many times; all must end alike. */
async function torment(name: string, wanted: Readonly<Record<string, number>>): Promise<void> {
  const rng = createRng(`faults/${name}`);
  const left = new Map(Object.entries(wanted));
  const isLeft = (): boolean => [...left.values()].some((n) => n > 0);
  const whole = resultOf(dirOf(`whole-${name}`));
  for (let round = 0; isLeft(); round++) {
    const dir = dirOf(`${name}-${round}`);
    for (let life = 0; ; life++) {
      expect(life).toBeLessThan(60);
      const { code } = await live(args(name), at(dir), async (now) => {
        let isKilled = false;
        while (isLeft() && !isKilled) {
          await wait(rng.int(350));
          if (now.isOver()) return;
          const kind = rng.pick([...left].filter(([, n]) => n > 0).map(([key]) => key));
          if (!(await kinds[kind]!(now, rng))) continue;
          isKilled = kind === "killMain";
          left.set(kind, left.get(kind)! - 1);
          count(kind);
        }
      });
      if (code === 0) break;
      const known = gains(dir);
      const final = [...known].find(
        ([key, gain]) => key.startsWith("final/") && (gain as { state: string }).state === "complete",
      );
      if (final === undefined) continue;
      damage(join(dir, "finals", final[0].slice(6).padStart(6, "0"), "weights.safetensors"), rng);
      count("damagedWeights");
    }
    expect(resultOf(dir)).toEqual(whole);
  }
}

test.runIf(isLinux)(
  "killed and stopped at any moment, a search ends as one that was left alone",
  { timeout: 240_000 },
  () => torment("builtin", { killMain: 6, killWorker: 4, pauseWorker: 3 }),
);

test.runIf(isLinux)(
  "with an evaluator that is killed and stopped too, likewise, and no program is left",
  { timeout: 240_000 },
  async () => {
    await torment("outside", { killMain: 4, killWorker: 2, killEvaluator: 4, stopEvaluator: 1 });
    expect(programs.size).toBeGreaterThan(0);
    await vi.waitFor(() => expect([...programs].filter(lives)).toEqual([]), 10_000);
  },
);
