import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { MnasError } from "../errors.ts";
import type { LiteRtOrder, LiteRtReply } from "./litert-messages.ts";

interface Waiting {
  readonly resolve: (outputs: Float32Array) => void;
  readonly reject: (error: unknown) => void;
}

/** The thread that runs models, and what it was asked for; one for the process, from the first order on. */
let thread: { readonly worker: Worker; readonly waiting: Map<number, Waiting> } | null = null;
let serial = 0;

const failed = (problem: string, cause?: unknown): MnasError =>
  new MnasError("MODEL_INVALID", `Cannot run the model in LiteRT: ${problem}`, { cause });

function start(): NonNullable<typeof thread> {
  const entry = new URL(`./litert-worker${extname(import.meta.url)}`, import.meta.url);
  // Options of the process may be for its own entry.
  const worker = new Worker(entry, { execArgv: [] });
  const waiting = new Map<number, Waiting>();
  const take = (id: number): Waiting | undefined => {
    const found = waiting.get(id);
    waiting.delete(id);
    // It keeps the process alive only while somebody waits.
    if (waiting.size === 0) worker.unref();
    return found;
  };
  worker.on("message", (reply: LiteRtReply) => {
    const found = take(reply.id);
    if ("outputs" in reply) found?.resolve(reply.outputs);
    else found?.reject(failed(reply.problem));
  });
  worker.on("error", (error) => {
    thread = null;
    for (const [id] of waiting) take(id)?.reject(failed(error.message, error));
  });
  return { worker, waiting };
}

/**
 * Runs a TFLite model with float32 input and output in LiteRT, on the CPU, in a thread of its own. `images` are as many
 * as there are, one after another; so are the outputs.
 *
 * @throws MnasError `MODEL_INVALID` when LiteRT cannot run the model.
 */
export function runTflite(model: Uint8Array, images: Float32Array): Promise<Float32Array> {
  const { worker, waiting } = (thread ??= start());
  const id = serial++;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    worker.ref();
    worker.postMessage({ id, model, images } satisfies LiteRtOrder);
  });
}
