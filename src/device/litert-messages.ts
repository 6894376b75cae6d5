/** Images for a model, one after another, as its input wants them. */
export interface LiteRtOrder {
  readonly id: number;
  readonly model: Uint8Array;
  readonly images: Float32Array;
}

/** The outputs for all images, one after another, or what went wrong. */
export type LiteRtReply =
  | { readonly id: number; readonly outputs: Float32Array }
  | { readonly id: number; readonly problem: string };
