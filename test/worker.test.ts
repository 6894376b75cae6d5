import { join } from "node:path";
import { expect, test } from "vitest";
import { resolveConfig, type UserConfig } from "../src/config/config.ts";
import { openMadds } from "../src/device/madds.ts";
import { builtinEvaluator } from "../src/evaluator/builtin.ts";
import { setBars } from "../src/study/bars.ts";
import { createRun, type Run } from "../src/study/run.ts";
import { initStudy, type Study } from "../src/study/study.ts";
import { loadStudyData } from "../src/study/run-data.ts";
import { startPool } from "../src/worker/pool.ts";
import { work } from "../src/worker/work.ts";
import { scratch, workersOf } from "./mnas.ts";

const small = "in28x28x1 stem8_k3_s22 r1_k3_s22_conv_i8_o8 head0 classes10";
const other = "in28x28x1 stem8_k3_s22 r1_k3_s22_conv_i8_o16 head0 classes10";
/** Each of its layers keeps 1024 × 28 × 28 × 512 values for the way back. */
const huge = "in28x28x1 stem8_k3_s11 r4_k3_s11_conv_i8_o512_noskip head0 classes10";

/** A run with measured trials of these networks. */
async function runOf(dir: string, settings: UserConfig, notations: readonly string[]): Promise<Run> {
  const config = resolveConfig({ proxy: { epochs: 0.1, batch: 32 }, ...settings }, "the options");
  const dataset = await loadStudyData(config);
  const run = createRun(join(dir, "run"), (store) => initStudy(store, config, dataset, {}));
  run.store.add(
    notations.map((notation, number) => ({ phase: "search", number, genotype: [], notation, params: 1, madds: 1 })),
  );
  notations.forEach((_, number) => run.store.measured({ phase: "search", number }, { medianMs: 1 }));
  return run;
}

const dataset = await loadStudyData(resolveConfig({}, "the options"));

const poolOf = ({ dir, store }: Run, onStep: () => void = () => {}) =>
  startPool({
    count: 1,
    runDir: dir,
    store,
    dataset,
    onMessage: ({ kind }) => (kind === "progress" ? onStep() : undefined),
    onDeath: () => {},
  });

test("a network that needs more memory than there is fails, and the next one is trained", async () => {
  using folder = scratch();
  using run = await runOf(folder.dir, { proxy: { epochs: 0.1, batch: 1024 } }, [huge, small]);
  await using pool = poolOf(run);
  await pool.drain(new AbortController().signal);
  expect(run.store.trials("search")).toMatchObject([
    { state: "failed", reason: expect.stringContaining("more than there is") },
    { state: "complete" },
  ]);
});

test.runIf(process.platform === "linux")("workers start when they are needed, not before", async () => {
  using folder = scratch();
  using run = await runOf(folder.dir, {}, [small]);
  await using pool = poolOf(run);
  expect(workersOf(process.pid)).toEqual([]);
  await pool.drain(new AbortController().signal);
  expect(workersOf(process.pid)).toHaveLength(1);
});

test.runIf(process.platform === "linux")("networks that kill their workers fail one by one", async () => {
  using folder = scratch();
  using run = await runOf(folder.dir, {}, [small, other]);
  await using pool = poolOf(run, () => {
    for (const pid of workersOf(process.pid)) process.kill(pid, "SIGKILL");
  });
  await pool.drain(new AbortController().signal);
  const died = { state: "failed", reason: "its worker died 3 times" };
  expect(run.store.trials("search")).toMatchObject([died, died]);
});

test.runIf(process.platform === "linux")(
  "workers that the system kills for want of memory are not replaced, and their networks wait",
  async () => {
    using folder = scratch();
    using run = await runOf(folder.dir, { proxy: { epochs: 4, batch: 32 } }, [small, other]);
    let kills = 0;
    const said: string[] = [];
    await using pool = startPool({
      count: 2,
      runDir: run.dir,
      store: run.store,
      dataset,
      onMessage: ({ kind }) => {
        if (kind !== "progress") return;
        const [first] = workersOf(process.pid);
        if (first === undefined) return;
        kills += 1;
        process.kill(first, "SIGKILL");
      },
      onDeath: (message) => said.push(message.replace(/worker \S+ /, "")),
      kills: () => kills,
    });
    await expect(pool.drain(new AbortController().signal)).rejects.toMatchObject({
      code: "MEMORY_FULL",
      hint: expect.stringContaining("--resume"),
    });
    expect(said).toEqual(["had too little memory (SIGKILL); 1 worker goes on"]);
    const waits = { state: "waiting", attempts: 0 };
    expect(run.store.trials("search")).toMatchObject([waits, waits]);
  },
);

test.runIf(process.platform === "linux")(
  "workers that are killed before they have work end the search clearly",
  async () => {
    using folder = scratch();
    using run = await runOf(folder.dir, {}, [small]);
    await using pool = poolOf(run);
    let isOver = false;
    const drained = pool.drain(new AbortController().signal).finally(() => (isOver = true));
    const failed = expect(drained).rejects.toMatchObject({
      code: "WORKER_UNAVAILABLE",
      hint: expect.stringContaining("--workers"),
    });
    const kill = (): void => {
      for (const pid of workersOf(process.pid)) process.kill(pid, "SIGKILL");
      if (!isOver) setTimeout(kill, 5);
    };
    kill();
    await failed;
    expect(run.store.trial({ phase: "search", number: 0 })).toMatchObject({ state: "waiting", attempts: 0 });
  },
);

test("a worker that waits at a rung for a trial whose worker is stuck takes that trial first", async () => {
  using folder = scratch();
  const settings: UserConfig = { stopping: { rungs: [0.5] } };
  using run = await runOf(folder.dir, settings, [small, other]);
  const { store, dir } = run;
  const config = resolveConfig({ proxy: { epochs: 0.1, batch: 32 }, ...settings }, "the options");
  const dataset = await loadStudyData(config);
  const signal = new AbortController().signal;
  const study: Study = { run, store, config, dataset, device: openMadds(), targetMs: 1, signal, emit: () => {} };
  store.claim({ worker: "stuck", now: Date.now(), leaseMs: 2000 });
  using evaluator = builtinEvaluator(dataset);
  const said: string[] = [];
  await work({
    store,
    evaluator,
    config: store.get("config")!,
    dataset,
    runDir: dir,
    name: "free",
    signal,
    say: (message) => {
      if (message.kind !== "ended" && message.kind !== "rung") return;
      said.push(`${message.kind} ${message.number}`);
      setBars(study);
    },
  });
  // It says again and again that it waits.
  expect(said.filter((text, i) => text !== said[i - 1])).toEqual(["rung 1", "rung 0", "ended 0", "rung 1", "ended 1"]);
  expect(said.indexOf("rung 0")).toBeGreaterThan(1);
  expect(store.trials("search")).toMatchObject([{ state: "complete", attempts: 1 }, { attempts: 0 }]);
});

test("an error in answering a worker ends the work", async () => {
  using folder = scratch();
  using run = await runOf(folder.dir, {}, [small]);
  await using pool = startPool({
    count: 1,
    runDir: run.dir,
    store: run.store,
    dataset,
    onMessage: ({ kind }) => {
      if (kind === "ended") throw new Error("no value for this");
    },
    onDeath: () => {},
  });
  await expect(pool.drain(new AbortController().signal)).rejects.toThrow("no value for this");
});
