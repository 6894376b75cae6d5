import type { Failed, Job, JobOptions, Result } from "../src/device/remote/messages.ts";
import { randomValues } from "../src/device/inputs.ts";
import { median } from "../src/device/statistics.ts";
import { createRng } from "../src/util/rng.ts";
import { createCallCosts } from "./call-costs.ts";
import { openLiteRt } from "./runtimes/litert.ts";
import { openOnnx } from "./runtimes/onnx.ts";
import type { Fill, LoadedModel, Runtime } from "./runtimes/runtime.ts";
import { settle, timeBatches, timerGrain, type Timed } from "./timing.ts";

/** What opens each runtime that the page offers. */
const openers: Readonly<Record<string, () => Promise<Runtime>>> = {
  "onnx-wasm": () => openOnnx("wasm"),
  "onnx-webgpu": () => openOnnx("webgpu"),
  "litert-wasm": () => openLiteRt("wasm"),
  "litert-webgpu": () => openLiteRt("webgpu"),
};

/** How a job ends. */
export type Answer = Omit<Result, "id"> | Omit<Failed, "id">;

/** Each loaded network lays out its memory anew, which alone changes times by some percent; so runs are of several. */
const wasmRounds = 3;
/** A GPU's programs are compiled for each loading, which takes longer than all runs. */
const gpuRounds = 1;
/** With the first network in a thread, nothing is compiled yet, and warming up takes so many times as long. */
const coldness = 20;
/** Parts of a measurement that differ by so much were disturbed. */
const isApart = 1.15;
/** What a call takes needs no more than this. */
const idleTiming = { warmupMs: 5, minMs: 30, maxMs: 60, minRuns: 3, tolerance: 0.05 };

/** Calls that seem to take a larger share of a network's time are measured again. */
const mostCallShare = 0.5;

/** Whether the device was slower in one third of the time than in another. */
function isUneven(samples: readonly number[]): boolean {
  const third = Math.ceil(samples.length / 3);
  const medians = [0, 1, 2].map((part) => median(samples.slice(part * third, (part + 1) * third)));
  return Math.max(...medians) > isApart * Math.min(...medians);
}

/** The first line, without the numbers that ONNX Runtime puts before it. */
const reasonOf = (error: unknown): string =>
  (error instanceof Error ? error.message : String(error))
    .split("\n")[0]!
    .replace(/^.*\bERROR_MESSAGE: /, "")
    .replace(/\.$/, "")
    .slice(0, 500);

/** Does the work of jobs in one thread; a runtime is opened when it is needed, and kept. */
export function createMeasurer() {
  const runtimes = new Map<string, Promise<Runtime>>();
  const callCost = createCallCosts();
  /** Runtimes of which the code that all networks share is compiled. */
  const warm = new Set<string>();
  const grainMs = timerGrain();

  const fill: Fill = (type, dims) => randomValues(type, dims, createRng("input"));

  const overheadOf = async (id: string, runtime: Runtime, like: LoadedModel, isDoubted = false): Promise<number> => {
    const nothing = runtime.doNothing(like);
    if (nothing === null) return 0;
    const time = async (): Promise<number> => {
      const idle = await runtime.load(nothing, fill);
      const ms = median((await timeBatches(() => idle.run(), idleTiming, grainMs)).samples);
      await idle.dispose();
      return ms;
    };
    return callCost(JSON.stringify([id, like.inputs, like.outputs]), time, isDoubted);
  };

  /** Times one or more loadings of a network. */
  const timeRounds = async (
    rounds: number,
    first: LoadedModel,
    again: () => Promise<LoadedModel>,
    { loadMs, warmupMs, minMs, maxMs, minRuns, tolerance }: JobOptions,
  ): Promise<Timed[]> => {
    const share = {
      warmupMs: warmupMs / rounds,
      minMs: minMs / rounds,
      maxMs: maxMs / rounds,
      minRuns: Math.ceil(minRuns / rounds),
      tolerance,
    };
    const all: Timed[] = [];
    for (let loaded = first; ; loaded = await again()) {
      const options = all.length === 0 ? { ...share, loadMs } : share;
      all.push(await timeBatches(() => loaded.run(), options, grainMs));
      await loaded.dispose();
      if (all.length === rounds) return all;
    }
  };

  const work = async (job: Job, model: Uint8Array, runtime: Runtime, onStarted: () => void): Promise<Answer> => {
    const load = (): Promise<LoadedModel> => runtime.load(model, fill);
    const first = await load();
    onStarted();
    const { warmupMs } = job.options;
    const settled = await settle(() => first.run(), warm.has(job.runtime) ? warmupMs : coldness * warmupMs);
    warm.add(job.runtime);
    const before = await overheadOf(job.runtime, runtime, first);
    const rounds = runtime.backend === "wasm" ? wasmRounds : gpuRounds;
    const timed = await timeRounds(rounds, first, load, job.options);
    const samples = timed.flatMap((one) => one.samples);
    const medianMs = median(samples);
    const isDoubted = before > mostCallShare * medianMs;
    const overheadMs = isDoubted ? await overheadOf(job.runtime, runtime, first, true) : before;
    return {
      kind: "result",
      samples,
      batch: Math.min(...timed.map(({ batch }) => batch)),
      warmup: timed.reduce((sum, { warmup }) => sum + warmup, settled),
      timerMs: grainMs,
      overheadMs: Math.min(overheadMs, medianMs),
      isUnstable: isUneven(samples) || overheadMs >= medianMs,
    };
  };

  /** Measures one network; never throws. `onStarted` is called when it was loaded and ran. */
  return async (job: Job, model: Uint8Array, onStarted: () => void): Promise<Answer> => {
    const unavailable = (message: string): Answer => ({ kind: "failed", code: "DEVICE_UNAVAILABLE", message });
    let runtime: Runtime;
    try {
      const opened = runtimes.get(job.runtime) ?? openers[job.runtime]?.();
      if (opened === undefined) return unavailable(`there is no runtime "${job.runtime}"`);
      runtimes.set(job.runtime, opened);
      runtime = await opened;
    } catch (error) {
      runtimes.delete(job.runtime);
      return unavailable(`its runtime does not load: ${reasonOf(error)}`);
    }
    try {
      return await work(job, model, runtime, onStarted);
    } catch (error) {
      if (runtime.isLost) return unavailable("the GPU was lost");
      return { kind: "failed", code: "MODEL_INVALID", message: reasonOf(error) };
    }
  };
}
