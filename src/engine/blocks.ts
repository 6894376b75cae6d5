import type { Buffer } from "./arena.ts";
import { hasParameter } from "../graph/ops.ts";
import { callOf } from "./builder.ts";
import type { Lowering, Window } from "./lowering.ts";
import type { Tensor } from "./tensor.ts";

/** Of a block of rows of input and output, so that both stay in the first-level cache or near it. */
const blockBytes = 48 * 1024;
/** Of the rows that a depthwise convolution slides over: well inside the second-level cache. */
const bandLimit = 384 * 1024;

/** Bytes from a row or pixel of scratch to the next, as `apart` in kernels/tensor.ts has them. */
export const apart = (bytes: number): number => (bytes % 128 === 0 ? bytes + 64 : bytes);

/** How many rows a matrix product works on at a time. */
export function blockRowsOf(rows: number, rowBytes: number): number {
  const most = Math.ceil(rows / 4) * 4;
  return Math.min(most, Math.max(64, Math.floor(blockBytes / rowBytes / 4) * 4));
}

/** Bytes of a packed matrix: panels of 16 columns. */
export const packedBytes = (rows: number, columns: number): number => 64 * rows * Math.ceil(columns / 16);

/** Weights, [in, out], of `rows` inputs, in another order and in memory that lives as long as later calls touch it. */
export function reordered(
  { builder, weightAt }: Lowering,
  t: Tensor,
  rows: number,
  kernel: "pack" | "packTransposed" | "transpose",
): Buffer {
  const bytes = {
    pack: packedBytes(rows, t.width),
    packTransposed: packedBytes(t.width, rows),
    transpose: 4 * rows * t.width,
  };
  const buffer = builder.buffer(bytes[kernel]);
  const args = { rows, columns: t.width, from: weightAt(`${t.node.name}.weight`), to: buffer };
  builder.emit(callOf(kernel, args), [buffer]);
  return buffer;
}

/** Address of a bias by `at`; 0 for none. */
export const biasOf = (t: Tensor, at: (name: string) => number): number =>
  hasParameter(t.node, "bias") ? at(`${t.node.name}.bias`) : 0;

/** How much of an image a depthwise convolution works on at a time: as many rows as fit, of all channels if 4 rows of them do. */
export function bandOf(
  height: number,
  rowBytes: (channels: number) => number,
  channels: number,
  borderRows: number,
  least = 32,
): { chunk: number; band: number } {
  const rowsThatFit = (chunk: number): number => Math.floor(bandLimit / rowBytes(chunk)) - borderRows;
  let chunk = channels;
  while (chunk > least && rowsThatFit(chunk) < Math.min(4, height)) chunk = Math.ceil(chunk / 32) * 16;
  return { chunk, band: Math.min(height, Math.max(2, rowsThatFit(chunk))) };
}

/** Of a band of a depthwise convolution's input, and of the gradient of its output, with their borders. */
export function bandBytes({ kernel, stride, planeWidth }: Window, t: Tensor, chunk: number, band: number): number {
  const border = Math.ceil((kernel - 1) / stride);
  const gradient = (t.shape[1] + 2 * border) * (Math.floor(band / stride) + 2 * border + 2);
  return apart(4 * chunk) * ((band + kernel + stride) * planeWidth + gradient);
}
