import type { InferenceSession, Tensor } from "onnxruntime-node";
import { MnasError } from "../errors.ts";
import { createRng } from "../util/rng.ts";
import { pinToFastest } from "./cores.ts";
import type { Latency } from "./device.ts";
import { doNothingModel } from "./overhead.ts";
import { leastRuns, summarize, timeRuns, type Runs, type Timing, type TimingOptions } from "./protocol.ts";
import type { QuietLock } from "./quiet.ts";
import { median } from "./statistics.ts";

type Runtime = typeof import("onnxruntime-node");
type Values = Record<string, Tensor>;

export const threads = 1;

/** One image at a time on one thread: how an app runs a network, and what is least disturbed by all else. */
export const sessionOptions: InferenceSession.SessionOptions = {
  executionProviders: ["cpu"],
  executionMode: "sequential",
  graphOptimizationLevel: "all",
  intraOpNumThreads: threads,
  interOpNumThreads: threads,
  logSeverityLevel: 4,
};

/** Below this, a model cannot be told from the call itself. */
const resolutionMs = 1e-4;
/** Each session lays out its memory anew, which alone changes times by some percent; so the runs are of several. */
const rounds = 3;
/** Rounds in all, when some are disturbed. */
const mostRounds = 8;
/** A round is disturbed when a model that does nothing takes this many times what it can take. */
const isSlow = 1.15;
/** How fast a machine that stays slower, for example because it is hot, is taken to be so. */
const patience = 1.03;

const reason = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause)).split("\n")[0]!;

/** Does what only a bad model makes fail. */
async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new MnasError("MODEL_INVALID", `Cannot ${what}: ${reason(cause)}`, { cause });
  }
}

/** Inputs with more values are not images, and might not fit in memory. */
const mostValues = 1e8;

/** Random inputs of the shapes that a model declares; dimensions without a size are 1. */
function feedsOf(runtime: Runtime, name: string, session: InferenceSession): Values {
  const rng = createRng("input");
  const fail = (input: string, problem: string): never => {
    throw new MnasError("MODEL_INVALID", `Cannot measure "${name}": input "${input}" ${problem}`, {
      hint: "Inputs are filled with random numbers; give a network of one or more float32 images.",
    });
  };
  return Object.fromEntries(
    session.inputMetadata.map((input) => {
      if (!input.isTensor) return fail(input.name, "is not a tensor");
      if (input.type !== "float32") return fail(input.name, `is ${input.type}, must be float32`);
      const dims = input.shape.map((size) => (typeof size === "number" && size >= 0 ? size : 1));
      const length = dims.reduce((n, size) => n * size, 1);
      if (length > mostValues) return fail(input.name, `has ${length} values, must have at most ${mostValues}`);
      return [
        input.name,
        new runtime.Tensor(
          "float32",
          Float32Array.from({ length }, () => rng.next()),
          dims,
        ),
      ];
    }),
  );
}

const dimsOf = (values: Values): string =>
  JSON.stringify(Object.entries(values).map(([name, { dims }]) => [name, dims]));

interface Round extends Runs {
  /** What the model that does nothing takes. */
  readonly idleMs: number;
}

/** What a measurement says that does not name the machine. */
export type HostTiming = Timing & Pick<Latency, "overheadMs" | "isUnstable">;

/** Measures models with ONNX Runtime on this thread, on whichever of `cores` is least disturbed. */
export function createTimer(runtime: Runtime, lock: QuietLock, cores: readonly number[]) {
  /** What a model that does nothing can take, by its inputs and outputs. */
  const idleMs = new Map<string, number>();

  const withSession = async <T>(model: Uint8Array, work: (session: InferenceSession) => Promise<T>): Promise<T> => {
    const session = await runtime.InferenceSession.create(model, sessionOptions);
    try {
      return await work(session);
    } finally {
      await session.release();
    }
  };

  const timeRounds = async (
    model: Uint8Array,
    feeds: Values,
    idle: InferenceSession,
    key: string,
    options: TimingOptions,
  ) => {
    const { loadMs = 0, warmupMs = 100, minMs = 300, maxMs = 600, minRuns = leastRuns, ...others } = options;
    const share = {
      ...others,
      warmupMs: warmupMs / rounds,
      minMs: minMs / rounds,
      maxMs: maxMs / rounds,
      minRuns: Math.ceil(minRuns / rounds),
    };
    const calibrate = async (): Promise<number> =>
      median((await timeRuns(() => idle.run(feeds), { warmupMs: 3, minMs: 10, maxMs: 10 })).samples);
    const round = (): Promise<Round> =>
      withSession(model, async (session) => {
        const before = await calibrate();
        const runs = await timeRuns(() => session.run(feeds), done.length === 0 ? { ...share, loadMs } : share);
        return { ...runs, idleMs: Math.max(before, await calibrate()) };
      });

    let can = idleMs.get(key) ?? (await pinToFastest(cores, calibrate));
    const done: Round[] = [];
    const quiet = (): Round[] => done.filter((one) => one.idleMs <= isSlow * can);
    while (quiet().length < rounds && done.length < mostRounds) {
      const last = await round();
      done.push(last);
      can = Math.min(can, last.idleMs);
      if (last.idleMs > isSlow * can) can = Math.min(can, await pinToFastest(cores, calibrate));
    }
    const isUnstable = quiet().length < rounds;
    const kept = isUnstable ? done.sort((a, b) => a.idleMs - b.idleMs).slice(0, rounds) : quiet();
    idleMs.set(key, isUnstable ? can * patience : can);
    return { timing: summarize(kept), overheadMs: median(kept.map((one) => one.idleMs)), isUnstable };
  };

  return async (name: string, model: Uint8Array, options: TimingOptions): Promise<HostTiming> => {
    const first = await attempt(`load "${name}" in ONNX Runtime`, () =>
      runtime.InferenceSession.create(model, sessionOptions),
    );
    let feeds: Values;
    let outputs: Values;
    try {
      feeds = feedsOf(runtime, name, first);
      outputs = await attempt<Values>(`run "${name}" in ONNX Runtime`, () => first.run(feeds));
    } finally {
      await first.release();
    }
    const key = dimsOf(feeds) + dimsOf(outputs);
    const { timing, overheadMs, isUnstable } = await withSession(doNothingModel(feeds, outputs), (idle) =>
      lock.exclusive(() => timeRounds(model, feeds, idle, key, options)),
    );
    const net = (ms: number): number => Math.max(resolutionMs, ms - overheadMs);
    return {
      ...timing,
      medianMs: net(timing.medianMs),
      p90Ms: net(timing.p90Ms),
      lowMs: net(timing.lowMs),
      highMs: net(timing.highMs),
      overheadMs,
      isUnstable,
    };
  };
}
