/* Entry of the thread that decodes images while another trains. */
import { availableParallelism } from "node:os";
import { parentPort } from "node:worker_threads";
import { decodeFiles } from "./decode.ts";
import type { Decoded, DecodeOrder } from "./decode-messages.ts";

/** One core is left to the training. */
const atOnce = Math.max(1, availableParallelism() - 1);

async function decode({ id, files, shape }: DecodeOrder): Promise<void> {
  const decoded = await decodeFiles(files, shape, atOnce);
  parentPort!.postMessage({ id, ...decoded } satisfies Decoded, [decoded.pixels.buffer]);
}

let last = Promise.resolve();
parentPort!.on("message", (order: DecodeOrder) => {
  last = last.then(() => decode(order));
});
