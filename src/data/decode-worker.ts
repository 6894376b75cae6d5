/* Entry of the thread that decodes images while another trains. */
import { parentPort } from "node:worker_threads";
import { usableCores } from "../util/machine.ts";
import { bytesOf, decodeFiles } from "./decode.ts";
import type { Decoded, DecodeOrder } from "./decode-messages.ts";

/** One core is left to the training. */
const atOnce = Math.max(1, usableCores() - 1);

async function decode({ id, files, shape }: DecodeOrder): Promise<void> {
  const pixels = new Uint8Array(files.length * bytesOf(shape));
  const failures = await decodeFiles(files, shape, atOnce, pixels);
  parentPort!.postMessage({ id, pixels, failures } satisfies Decoded, [pixels.buffer]);
}

let last = Promise.resolve();
parentPort!.on("message", (order: DecodeOrder) => {
  last = last.then(() => decode(order));
});
