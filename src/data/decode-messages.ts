import type { DecodedFiles, DecodedShape } from "./decode.ts";

/** To the thread that decodes. */
export interface DecodeOrder {
  readonly id: number;
  readonly files: readonly string[];
  readonly shape: DecodedShape;
}

/** From it. */
export interface Decoded extends DecodedFiles {
  readonly id: number;
}
