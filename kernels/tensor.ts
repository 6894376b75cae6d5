/**
 * A value of the network as the kernels see it. JavaScript writes these records once, when it compiles a graph; the
 * field order is that of `src/engine/tensor.ts`.
 *
 * Memory holds the raw result of an operation, [batch, height, width, channels], channels padded to a multiple of 8
 * with zeros. What the next operation reads is `activation(raw × scale + shift)`, never stored.
 */
@unmanaged
export class Tensor {
  value: usize;
  batch: i32;
  height: i32;
  width: i32;
  /** Padded; a multiple of 8, but for the image itself. */
  channels: i32;
  /** Batch-norm as one multiplication and one addition per channel; null without batch-norm. */
  scale: usize;
  shift: usize;
  activation: i32;
  /** float64 [2, channels]: Σ value and Σ value² on the way forward, Σ dz and Σ dz·value on the way back; null without batch-norm. */
  sums: usize;
  /** Gradient of what the next operation reads; null when it is all in `imageGradient`. */
  gradient: usize;
  /** [batch, channels]: a part of that gradient which is the same for every pixel of an image; null without. */
  imageGradient: usize;
  /** With batch-norm, d raw = dz × p + raw × q + r, per channel. */
  p: usize;
  q: usize;
  r: usize;
  /** Σ slope and Σ slope·value [2, batch, channels] over the pixels of an image, for `closeImages`; null without. */
  slopes: usize;

  get pixels(): i32 {
    return this.height * this.width;
  }

  get rows(): i32 {
    return this.batch * this.height * this.width;
  }

  /** Bytes from one pixel to the next. */
  get stride(): usize {
    return (<usize>this.channels) << 2;
  }
}

export const NONE: i32 = 0;
export const RELU: i32 = 1;
export const RELU6: i32 = 2;
export const HSWISH: i32 = 3;

/**
 * From a row of scratch to the next. Rows that are an even number of cache lines apart use half of the first level's sets
 * or fewer: windows of 5×5 over 16×16 pixels of 64 channels took 0.61 ns for 8 values and tap, and 0.34 one line further apart.
 */
// @ts-ignore: decorator
@inline
export function apart(row: usize): usize {
  return row & 127 ? row : row + 64;
}
