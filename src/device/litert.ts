import { extname } from "node:path";
import { MnasError } from "../errors.ts";
import { createThread } from "../util/thread.ts";
import type { LiteRtOrder, LiteRtReply } from "./litert-messages.ts";

/** The thread that runs models, one for the process. */
const litert = createThread<Omit<LiteRtOrder, "id">, LiteRtReply>(
  new URL(`./litert-worker${extname(import.meta.url)}`, import.meta.url),
);

/**
 * Runs a TFLite model with float32 input and output in LiteRT, on the CPU, in a thread of its own. `images` are as many
 * as there are, one after another; so are the outputs.
 *
 * @throws MnasError `MODEL_INVALID` when LiteRT cannot run the model.
 */
export async function runTflite(model: Uint8Array, images: Float32Array): Promise<Float32Array> {
  const failed = (problem: string, cause?: unknown): MnasError =>
    new MnasError("MODEL_INVALID", `Cannot run the model in LiteRT: ${problem}`, { cause });
  const reply = await litert.ask({ model, images }).catch((error: Error) => {
    throw failed(error.message, error);
  });
  if ("outputs" in reply) return reply.outputs;
  throw failed(reply.problem);
}
