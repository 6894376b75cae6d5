/*
 * Searches to which things are done: processes killed and stopped, disks filled, files damaged. Each must end as one that
 * was left alone, and must never lose what it had.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { buildGraph } from "../src/arch/build.ts";
import { resolveConfig } from "../src/config/config.ts";
import { initWeights } from "../src/graph/weights.ts";
import { parseArch } from "../src/space/notation.ts";
import { createRun } from "../src/study/run.ts";
import { initStudy } from "../src/study/study.ts";
import { loadStudyData } from "../src/study/run-data.ts";
import type { FromWorker } from "../src/worker/messages.ts";
import { recipes } from "../src/train/presets.ts";
import { loadState, saveState } from "../src/train/state.ts";
import { createRng, type Rng } from "../src/util/rng.ts";
import { childrenOf, lives, scratch, workersOf } from "./mnas.ts";
import { smallDisk } from "./small-disk.ts";
import { live, resultOf, running, type Life } from "./tormented.ts";
import { toyConfig } from "./toy.ts";

const isLinux = process.platform === "linux";
const program = fileURLToPath(new URL("./evaluator-program.ts", import.meta.url));

const settings = (more: object): string =>
  toyConfig(`
  device: "madds", target: 0.02, trials: 12, batch: 4, workers: 2, seed: 5, finalists: 1,
  proxy: { epochs: 0.2, batch: 32 }, final: { epochs: 0.3, batch: 32 },
  ...${JSON.stringify(more)},
`);

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

/** Something that is done to a running search; false when there was no chance. */
type Fault = (life: Life, rng: Rng) => Promise<boolean>;

/**
 * Three deaths are a failure of the trial, by design, and so are many of workers that have none: all are at work, and on
 * trials with which none died before.
 */
const isYoung = ({ dir, pid }: Life): boolean => {
  const trials = running(dir);
  return trials.length === workersOf(pid).length && trials.every(({ attempts }) => attempts === 0);
};

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
  const found = programsOf(life.pid);
  return found.length > 0 && isYoung(life) && send(rng.pick(found), "SIGKILL");
};
/** It comes back to life only to be killed for its silence. */
const stopEvaluator: Fault = async (life, rng) => {
  const found = programsOf(life.pid);
  return found.length > 0 && isYoung(life) && send(rng.pick(found), "SIGSTOP");
};
const kinds: Readonly<Record<string, Fault>> = { killMain, killWorker, pauseWorker, killEvaluator, stopEvaluator };

/** Files that were being written when a search ended, in a folder and below. */
const tornFiles = (dir: string): string[] =>
  readdirSync(dir, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".tmp"));

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
  evaluate: { command: [process.execPath, program, "slow"], timeoutMs: 5000, startupTimeoutMs: 60_000 },
  final: { epochs: 0.3, batch: 32 },
};

beforeAll(async () => {
  writeFileSync(dirOf("builtin.ts"), settings({ stopping: { rungs: [0.25, 0.5], keep: 0.5 } }));
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
      const workers = String(1 + rng.int(3));
      const { code } = await live([...args(name), "--workers", workers], at(dir), async (now) => {
        let isKilled = false;
        while (isLeft() && !isKilled) {
          await wait(rng.int(250));
          if (now.isOver()) return;
          const kind = rng.pick([...left].filter(([, n]) => n > 0).map(([key]) => key));
          if (!(await kinds[kind]!(now, rng))) continue;
          isKilled = kind === "killMain";
          left.set(kind, left.get(kind)! - 1);
          count(kind);
        }
      });
      if (code === 0) break;
    }
    expect(resultOf(dir)).toEqual(whole);
    damage(join(dir, "finals", `00000${rng.int(2)}`, "weights.safetensors"), rng);
    count("damagedWeights");
    const { code, stdout } = await live(args(name), at(dir), leave);
    expect([code, stdout]).toEqual([0, expect.stringContaining("training it again")]);
    expect(resultOf(dir)).toEqual(whole);
  }
}

test.runIf(isLinux)(
  "killed and stopped at any moment, a search ends as one that was left alone, whatever the number of workers",
  { timeout: 600_000 },
  () => torment("builtin", { killMain: 8, killWorker: 4, pauseWorker: 3 }),
);

test.runIf(isLinux)(
  "with an evaluator that is killed and stopped too, likewise, and no program is left",
  { timeout: 600_000 },
  async () => {
    await torment("outside", { killMain: 4, killWorker: 2, killEvaluator: 4, stopEvaluator: 1 });
    expect(programs.size).toBeGreaterThan(0);
    await vi.waitFor(() => expect([...programs].filter(lives)).toEqual([]), 10_000);
  },
);

/** A worker with a lease of 300 ms. */
function leaser(
  dir: string,
  name: string,
): { child: ChildProcess; said: string[]; says: (kind: string) => Promise<void> } {
  const child = fork(new URL("./lease-worker.ts", import.meta.url), [dir, name]);
  const said: string[] = [];
  child.on("message", ({ kind }: FromWorker) => said.push(kind));
  const says = async (kind: string): Promise<void> => {
    while (!said.includes(kind)) await once(child, "message");
  };
  return { child, said, says };
}

test.runIf(isLinux)(
  "a worker that is stopped beyond its lease loses its trial, and its late result is dropped",
  async () => {
    using other = scratch();
    const config = resolveConfig({ proxy: { epochs: 1, batch: 32 } }, "the options");
    const dataset = await loadStudyData(config);
    using run = createRun(join(other.dir, "run"), (store) => initStudy(store, config, dataset, {}));
    const { dir, store } = run;
    const key = { phase: "search", number: 0 } as const;
    store.add([
      {
        ...key,
        genotype: [],
        notation: "in28x28x1 stem8_k3_s22 r1_k3_s22_conv_i8_o8 head0 classes10",
        params: 1,
        madds: 1,
      },
    ]);
    store.measured(key, { medianMs: 1 });
    const slow = leaser(dir, "slow");
    await slow.says("progress");
    slow.child.kill("SIGSTOP");
    count("lostLease");
    const quick = leaser(dir, "quick");
    await quick.says("ended");
    const result = store.trial(key);
    expect(result).toMatchObject({ state: "complete", attempts: 1 });
    slow.child.kill("SIGCONT");
    await slow.says("idle");
    expect(slow.said).not.toContain("ended");
    expect(store.trial(key)).toEqual(result);
    for (const { child } of [slow, quick]) child.kill("SIGKILL");
  },
);

const disk = smallDisk();
afterAll(() => disk?.[Symbol.dispose]());

/** Ends a search by a full disk again and again, each time a little further, until it ends by itself. */
test.skipIf(disk === null)(
  "a full disk ends a search with a clear error, and it goes on when there is space",
  { timeout: 600_000 },
  async () => {
    const { dir: root, fill, empty } = disk!;
    const dir = join(root, "run");
    const rng = createRng("faults/disk");
    let fulls = 0;
    for (let life = 0; ; life++) {
      const isFilled = life < 5;
      const { code, stderr } = await live(args("builtin"), at(dir), async ({ isOver }) => {
        await wait(rng.int(500));
        if (isFilled && !isOver()) fill(4096 * rng.int(8));
      });
      empty();
      expect(tornFiles(root)).toEqual([]);
      if (code === 0 && !isFilled) break;
      if (code === 0) continue;
      expect([code, stderr]).toEqual([4, expect.stringMatching(/"code":"DISK_FULL"/)]);
      fulls += 1;
      count("diskFull");
    }
    expect(fulls).toBeGreaterThan(1);
    expect(resultOf(dir)).toEqual(resultOf(dirOf("whole-builtin")));
  },
);

test.skipIf(disk === null)("a search that finds no space at all leaves nothing", async () => {
  const { dir: root, fill, empty } = disk!;
  rmSync(join(root, "run"), { recursive: true, force: true });
  fill(0);
  const { code, stderr } = await live(args("builtin"), at(join(root, "run")), leave);
  count("diskFull");
  expect([code, stderr]).toEqual([4, expect.stringMatching(/"code":"DISK_FULL"/)]);
  expect(readdirSync(root)).toEqual(["filler"]);
  empty();
});

test.runIf(isLinux)(
  "a device that is unplugged while it measures ends the search clearly, and it goes on",
  { timeout: 600_000 },
  async () => {
    const gained = (dir: string) =>
      (resultOf(dir) as { trials: { notation: string; accuracy: number }[] }).trials.map(({ notation, accuracy }) => ({
        notation,
        accuracy,
      }));
    expect(await live(args("host"), at(dirOf("whole-host")), leave)).toMatchObject({ code: 0 });
    const rng = createRng("faults/device");
    let ends = 0;
    for (let life = 0; ; life++) {
      const { code, stderr } = await live(args("host"), at(dirOf("host")), async ({ pid }) => {
        await wait(rng.int(600));
        if (life < 3) for (const each of childrenOf(pid, "host-process")) if (send(each, "SIGKILL")) count("unplugged");
      });
      if (code === 0) break;
      expect([code, stderr]).toEqual([4, expect.stringMatching(/"code":"DEVICE_UNAVAILABLE".*was killed \(SIGKILL\)/)]);
      ends += 1;
      expect(life).toBeLessThan(6);
    }
    expect(ends).toBeGreaterThan(0);
    expect(gained(dirOf("host"))).toEqual(gained(dirOf("whole-host")));
  },
);

test("a state of a training that is cut off or has one bit turned is never taken", () => {
  using other = scratch();
  const rng = createRng("faults/state");
  const notation = "in28x28x1 stem8_k3_s22 r1_k3_s22_conv_i8_o8 head0 classes10";
  const graph = buildGraph(parseArch(notation));
  const identity = { network: notation, data: "key", seed: "a", workers: 1, init: null, recipe: recipes.proxy };
  const file = join(other.dir, "state");
  const state = { steps: 9, sections: new Map([["weights", initWeights(graph, rng)]]) };
  for (let i = 0; i < 40; i++) {
    saveState(file, graph, state, identity);
    damage(file, rng);
    count("damagedState");
    expect(() => loadState(file, graph, identity)).toThrow(/^Cannot (read weights|resume from) ".*state"/);
  }
});

test("at least 30 faults were injected, of every kind that this system knows", () => {
  const kindsHere = [
    ...Object.keys(kinds),
    "damagedWeights",
    "lostLease",
    "unplugged",
    ...(disk === null ? [] : ["diskFull"]),
  ];
  if (!isLinux) return;
  expect(kindsHere.filter((kind) => (faults.get(kind) ?? 0) === 0)).toEqual([]);
  const all = [...faults].filter(([kind]) => kind !== "damagedState").reduce((sum, [, n]) => sum + n, 0);
  expect(all).toBeGreaterThanOrEqual(30);
});
