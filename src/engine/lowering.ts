import { samePadding } from "../graph/ops.ts";
import type { Buffer } from "./arena.ts";
import type { Argument, Builder } from "./builder.ts";
import type { Kernel } from "./kernels.ts";
import { gradientBuffer, type Tensor } from "./tensor.ts";

/** What lowering an op needs to know. */
export interface Lowering {
  readonly builder: Builder;
  readonly weightAt: (name: string) => number;
  readonly gradientAt: (name: string) => number;
  /** Address of as many zeros as any row of a matrix is long. */
  readonly zeros: number;
  /** Address of a word that differs from step to step. */
  readonly seed: number;
}

/** Emits the forward calls of a stage; what it returns emits the backward ones, once the gradient of `t` is complete. */
export type Lower = (t: Tensor, to: Lowering) => () => void;

/** Rows that the kernels of `kernels/elementwise.ts` work on at a time. */
export const block = 64;

/** Emits a call that writes the value of `t`. */
export function emitForward(
  { builder }: Lowering,
  kernel: Kernel,
  t: Tensor,
  args: readonly Argument[],
  scratch = 0,
  more: Buffer | null = null,
): void {
  builder.emit({ kernel, args }, [t.value, ...t.inputs.map(({ value }) => value), more], scratch);
}

/** Emits a call that reads the gradient of `t`. */
export function emitBackward(
  { builder }: Lowering,
  kernel: Kernel,
  t: Tensor,
  args: readonly Argument[],
  scratch: number,
  more: Buffer | null = null,
): void {
  const touched = [t, ...t.inputs].flatMap((x) => [x.value, x.gradient, x.imageGradient, x.slopes]);
  builder.emit({ kernel, args }, [...touched, more], scratch);
}

/** Announces one part of the gradient of `x`: whether to add to what is there, and whether to take the sums after it. */
export function give({ builder }: Lowering, x: Tensor): readonly [accumulate: number, closes: number] {
  const accumulate = x.gradient === null ? 0 : 1;
  x.gradient ??= gradientBuffer(builder, x);
  x.pending -= 1;
  const closes = x.pending === 0 && x.norm !== null;
  if (closes) x.isClosed = true;
  return [accumulate, Number(closes)];
}

/** A backward call whose arguments end in the usual way. */
export function emitSimple(
  to: Lowering,
  kernel: Kernel,
  t: Tensor,
  x: Tensor,
  args: readonly Argument[],
  scratch: number,
  more: Buffer | null = null,
): void {
  if (!x.needsGradient) return;
  const flags = give(to, x);
  emitBackward(to, kernel, t, [...args, to.builder.scratch, ...flags], scratch, more);
}

export interface Window {
  readonly record: number;
  readonly kernel: number;
  readonly stride: number;
  /** Pixels of a row with its borders. */
  readonly planeWidth: number;
  /** Pixels of one image with its borders. */
  readonly plane: number;
  readonly group: number;
}

/** Geometry of `t`'s sliding window over its input, as `kernels/conv.ts` has it. */
export function windowOf({ builder }: Lowering, t: Tensor): Window {
  const [height, width] = t.inputs[0]!.shape;
  const { kernel, stride } = t.node.attrs as { kernel: number; stride: number };
  const vertical = samePadding(height, kernel, stride);
  const horizontal = samePadding(width, kernel, stride);
  const planeHeight = Math.max((vertical.out - 1) * stride + kernel, height + vertical.before);
  const planeWidth = Math.max((horizontal.out - 1) * stride + kernel, width + horizontal.before);
  // Enough images to fill a block of rows.
  const group = Math.min(t.batch, Math.ceil(block / t.pixels));
  const words = [kernel, stride, vertical.before, horizontal.before, planeHeight, planeWidth, group];
  return {
    record: builder.record(words.length, () => words),
    kernel,
    stride,
    planeWidth,
    plane: planeHeight * planeWidth,
    group,
  };
}
