import { extname } from "node:path";
import { createThread } from "../util/thread.ts";
import type { DecodedShape } from "./decode.ts";
import type { Decoded, DecodeOrder } from "./decode-messages.ts";

/** The thread that decodes, one for the process. */
const decoder = createThread<Omit<DecodeOrder, "id">, Decoded>(
  new URL(`./decode-worker${extname(import.meta.url)}`, import.meta.url),
);

/** Decodes images in a thread of its own, in the order in which it is asked, as `decodeFiles` does. */
export const decodeAside = (files: readonly string[], shape: DecodedShape): Promise<Decoded> =>
  decoder.ask({ files, shape });
