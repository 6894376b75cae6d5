import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { DecodedShape } from "./decode.ts";
import type { Decoded, DecodeOrder } from "./decode-messages.ts";
import { invalid } from "./images.ts";

interface Waiting {
  readonly resolve: (pixels: Uint8Array<ArrayBuffer>) => void;
  readonly reject: (error: unknown) => void;
}

/** The thread that decodes, and what it was asked for; one for the process, from the first order on. */
let decoder: { readonly worker: Worker; readonly waiting: Map<number, Waiting> } | null = null;
let serial = 0;

function start(): NonNullable<typeof decoder> {
  const entry = new URL(`./decode-worker${extname(import.meta.url)}`, import.meta.url);
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
  worker.on("message", (decoded: Decoded) => {
    const found = take(decoded.id);
    if ("pixels" in decoded) found?.resolve(decoded.pixels);
    else found?.reject(invalid(decoded.message, decoded.hint));
  });
  worker.on("error", (error) => {
    decoder = null;
    for (const [id] of waiting) take(id)?.reject(error);
  });
  return { worker, waiting };
}

/**
 * Decodes images in a thread of its own, in the order in which it is asked, as `decodeFiles` does.
 *
 * @throws MnasError `DATA_INVALID` naming the images that cannot be decoded.
 */
export function decodeAside(files: readonly string[], shape: DecodedShape): Promise<Uint8Array<ArrayBuffer>> {
  const { worker, waiting } = (decoder ??= start());
  const id = serial++;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    worker.ref();
    worker.postMessage({ id, files, shape } satisfies DecodeOrder);
  });
}
