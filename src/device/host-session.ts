import type { InferenceSession, Tensor } from "onnxruntime-node";
import { MnasError } from "../errors.ts";
import { createRng } from "../util/rng.ts";
import { pinToFastest } from "./cores.ts";
import type { Latency, Timing } from "../latency.ts";
import type { Request } from "./host-messages.ts";
import { fillAxes } from "./axes.ts";
import { randomValues } from "./inputs.ts";
import { doNothingModel } from "./overhead.ts";
import { timerOf, type TimingOptions } from "./protocol.ts";
import type { QuietLock } from "../util/quiet.ts";
import { createSlicer, type Sliced } from "./slices.ts";
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
/** Runs of a look at the pace of the machine: a quarter of a millisecond. */
const paceRuns = 21;

const reason = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause)).split("\n")[0]!;

/** Does what only a bad model makes fail. */
async function attempt<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new MnasError("MODEL_INVALID", `Cannot ${what}: ${reason(cause)}`, { cause });
  }
}

/** Random inputs of the shapes that a model declares. Only the batch may be open. */
function feedsOf(runtime: Runtime, name: string, session: InferenceSession): Values {
  const rng = createRng("input");
  const fail = (input: string, problem: string): never => {
    throw new MnasError("MODEL_INVALID", `Cannot measure "${name}": input "${input}" ${problem}`, {
      hint: "Inputs are filled with random numbers; give a network whose inputs are tensors of numbers.",
    });
  };
  const declared = session.inputMetadata.map((input) => {
    if (!input.isTensor) return fail(input.name, "is not a tensor");
    const axes = input.shape.map((size) => (size === "" || (typeof size === "number" && size <= 0) ? null : size));
    return { name: input.name, type: input.type, axes };
  });
  return Object.fromEntries(
    fillAxes(name, declared, {}).inputs.map(({ name: input, type, shape }) => {
      try {
        return [input, new runtime.Tensor(type as "float32", randomValues(type, shape, rng) as Float32Array, shape)];
      } catch (error) {
        if (error instanceof RangeError) return fail(input, error.message);
        throw error;
      }
    }),
  );
}

/** What a measurement says that does not name the machine. */
export type HostTiming = Timing & Pick<Latency, "overheadMs" | "isUnstable">;

/** Measures models with ONNX Runtime on this thread, on whichever of `cores` is least disturbed. */
export async function createTimer(runtime: Runtime, lock: QuietLock, cores: readonly number[]) {
  const scalar = { dims: [1] };
  const nothing = await runtime.InferenceSession.create(
    doNothingModel({ in: scalar }, { out: scalar }),
    sessionOptions,
  );
  const input = { in: new runtime.Tensor("float32", [0], scalar.dims) };
  const timeNothing = timerOf(() => nothing.run(input));
  const pace = async (): Promise<number> => {
    const times: number[] = [];
    while (times.length < paceRuns) times.push(await timeNothing());
    return median(times);
  };
  /** A core that was idle first has to get up to its speed. */
  const warmPace = async (): Promise<number> => {
    await pace();
    return pace();
  };
  const timeSlices = createSlicer();

  const withSession = async <T>(
    model: Uint8Array,
    work: (session: InferenceSession) => Promise<T>,
    options = sessionOptions,
  ): Promise<T> => {
    const session = await runtime.InferenceSession.create(model, options);
    try {
      return await work(session);
    } finally {
      await session.release();
    }
  };

  return async (
    { name, model, folder }: Pick<Request, "name" | "model" | "folder">,
    options: TimingOptions,
  ): Promise<HostTiming> => {
    const reading: InferenceSession.SessionOptions =
      folder === null
        ? sessionOptions
        : { ...sessionOptions, extra: { session: { model_external_initializers_file_folder_path: folder } } };
    const first = await attempt(`load "${name}" in ONNX Runtime`, () =>
      runtime.InferenceSession.create(model, reading),
    );
    let feeds: Values;
    let outputs: Values;
    try {
      feeds = feedsOf(runtime, name, first);
      outputs = await attempt<Values>(`run "${name}" in ONNX Runtime`, () => first.run(feeds));
    } finally {
      await first.release();
    }
    const { timing, overheadMs, isUnstable } = await withSession(doNothingModel(feeds, outputs), (idle) =>
      lock.exclusive(async () => {
        const sliced: Sliced = {
          withSession: (work) => withSession(model, (session) => work(() => session.run(feeds)), reading),
          idle: () => idle.run(feeds),
          pace,
          move: async () => void (await pinToFastest(cores, warmPace)),
        };
        return timeSlices(sliced, options);
      }),
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
