/* Entry of the thread that decodes images while another trains. */
import { availableParallelism } from "node:os";
import { parentPort } from "node:worker_threads";
import { MnasError } from "../errors.ts";
import { decodeFiles } from "./decode.ts";
import type { Decoded, DecodeOrder } from "./decode-messages.ts";

/** One core is left to the training. */
const atOnce = Math.max(1, availableParallelism() - 1);

async function decode({ id, files, shape }: DecodeOrder): Promise<void> {
  try {
    const pixels = await decodeFiles(files, shape, atOnce);
    parentPort!.postMessage({ id, pixels } satisfies Decoded, [pixels.buffer]);
  } catch (error) {
    if (!(error instanceof MnasError)) throw error;
    parentPort!.postMessage({ id, message: error.message, hint: error.hint ?? "" } satisfies Decoded);
  }
}

let last = Promise.resolve();
parentPort!.on("message", (order: DecodeOrder) => {
  last = last.then(() => decode(order));
});
