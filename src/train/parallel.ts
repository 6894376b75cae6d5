import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { buildGraph } from "../arch/build.ts";
import { tellDamage, type Damage } from "../data/damage.ts";
import { layoutOf } from "../engine/parameters.ts";
import { MnasError, type ErrorCode } from "../errors.ts";
import { parseArch } from "../space/notation.ts";
import { createTeamMemory, joinTeam, type TeamMemory } from "./team.ts";
import { shareArrays } from "../util/share.ts";
import { train, type Progress, type Trained, type TrainOptions } from "./trainer.ts";

/** What each thread of a training is told; all of it can be sent. */
export interface TrainOrder extends Pick<
  TrainOptions,
  "dataset" | "recipe" | "seed" | "withTest" | "validations" | "init" | "resume"
> {
  readonly notation: string;
}

export interface ThreadOrder extends TrainOrder {
  readonly memory: TeamMemory;
  readonly rank: number;
}

/** What a thread says: that it left out an image, or why it cannot go on. */
export type FromThread =
  | { readonly damage: Damage }
  | { readonly code: ErrorCode; readonly message: string; readonly hint: string | null };

export interface ParallelOptions extends Pick<TrainOptions, "signal" | "hold"> {
  /** Threads, this one included. */
  readonly workers: number;
}

/**
 * Trains a network as `train` does, each batch shared by threads of this process. For one number of workers the result
 * is always the same bits; for one worker it is that of `train`.
 */
export async function* trainInParallel(
  order: TrainOrder,
  { workers, signal, hold }: ParallelOptions,
): AsyncGenerator<Progress, Trained> {
  const graph = buildGraph(parseArch(order.notation));
  const options = {
    ...order,
    graph,
    ...(signal === undefined ? {} : { signal }),
    ...(hold === undefined ? {} : { hold }),
  };
  if (workers === 1) return yield* train(options);

  const dataset = shareArrays(order.dataset);
  const memory = createTeamMemory(workers, layoutOf(graph).size);
  // Not the user's signal: a step that has begun is ended, so that the state after it can be kept.
  const broken = new AbortController();
  const entry = new URL(`./thread${extname(import.meta.url)}`, import.meta.url);
  const threads = Array.from({ length: workers - 1 }, (_, i) => {
    const thread = new Worker(entry, { workerData: { ...order, dataset, memory, rank: i + 1 } satisfies ThreadOrder });
    thread.on("message", (said: FromThread) => {
      if ("damage" in said) return tellDamage(said.damage);
      const { code, message, hint } = said;
      broken.abort(new MnasError(code, message, hint === null ? {} : { hint }));
    });
    thread.on("error", (error) => broken.abort(error));
    thread.on("exit", (code) => {
      if (code !== 0) broken.abort(new Error(`internal: a training thread ended with ${code}`));
    });
    return thread;
  });
  const hurry = (): void => threads.forEach((thread) => thread.postMessage("hurry"));
  signal?.addEventListener("abort", hurry);
  const ended = threads.map((thread) => new Promise((resolve) => thread.once("exit", resolve)));
  try {
    const trained = yield* train({ ...options, dataset, team: joinTeam(memory, 0, broken.signal) });
    await Promise.all(ended);
    return trained;
  } finally {
    signal?.removeEventListener("abort", hurry);
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
}
