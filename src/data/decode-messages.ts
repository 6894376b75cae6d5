import type { DecodedShape, Failure } from "./decode.ts";

/** To the thread that decodes. */
export interface DecodeOrder {
  readonly id: number;
  readonly files: readonly string[];
  readonly shape: DecodedShape;
}

/** From it: the pixels, zeros for what failed. */
export interface Decoded {
  readonly id: number;
  readonly pixels: Uint8Array<ArrayBuffer>;
  readonly failures: readonly Failure[];
}
