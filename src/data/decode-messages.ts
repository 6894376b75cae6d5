import type { DecodedShape } from "./decode.ts";

/** To the thread that decodes. */
export interface DecodeOrder {
  readonly id: number;
  readonly files: readonly string[];
  readonly shape: DecodedShape;
}

/** From it: the pixels, or why there are none. */
export type Decoded =
  | { readonly id: number; readonly pixels: Uint8Array<ArrayBuffer> }
  | { readonly id: number; readonly message: string; readonly hint: string };
