import { samePadding } from "../graph/ops.ts";
import type { Buffer } from "./arena.ts";
import { callOf, type Arguments, type Builder } from "./builder.ts";
import type { Kernel, Parameter } from "./kernels.ts";
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
export function emitForward<Name extends Kernel>(
  { builder }: Lowering,
  kernel: Name,
  t: Tensor,
  args: Arguments<Name>,
  scratch = 0,
  more: Buffer | null = null,
): void {
  builder.emit(callOf(kernel, args), [t.value, ...t.inputs.map(({ value }) => value), more], scratch);
}

/** Emits a call that reads the gradient of `t`. */
export function emitBackward<Name extends Kernel>(
  { builder }: Lowering,
  kernel: Name,
  t: Tensor,
  args: Arguments<Name>,
  scratch: number,
  more: Buffer | null = null,
): void {
  const touched = [t, ...t.inputs].flatMap((x) => [x.value, x.gradient, x.imageGradient, x.slopes]);
  builder.emit(callOf(kernel, args), [...touched, more], scratch);
}

/** The last arguments of most backward kernels, as 0 or 1. */
interface Part {
  /** Add to the gradient that is there, instead of replacing it. */
  readonly accumulate: number;
  /** The gradient is complete: take the sums of batch-norm's way back. */
  readonly closes: number;
}

/** The part of the gradient of a value that needs none. */
export const noPart: Part = { accumulate: 0, closes: 0 };

/** Announces one part of the gradient of `x`. */
export function give({ builder }: Lowering, x: Tensor): Part {
  const accumulate = x.gradient === null ? 0 : 1;
  x.gradient ??= gradientBuffer(builder, x);
  x.pending -= 1;
  const closes = x.pending === 0 && x.norm !== null;
  if (closes) x.isClosed = true;
  return { accumulate, closes: Number(closes) };
}

/** Backward kernels with one input whose gradient they give, by way of scratch memory. */
type SimpleBackward = {
  [Name in Kernel]: keyof Part | "scratch" extends Parameter<Name> ? Name : never;
}[Kernel];

/** A backward call of one input; scratch memory and the part of the gradient are filled in. */
export function emitSimple<Name extends SimpleBackward>(
  to: Lowering,
  kernel: Name,
  t: Tensor,
  x: Tensor,
  args: Omit<Arguments<Name>, keyof Part | "scratch">,
  scratch: number,
  more: Buffer | null = null,
): void {
  if (!x.needsGradient) return;
  const whole = { ...args, scratch: to.builder.scratch, ...give(to, x) } as unknown as Arguments<Name>;
  emitBackward(to, kernel, t, whole, scratch, more);
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
  const fields = { kernel, stride, top: vertical.before, left: horizontal.before, planeHeight, planeWidth, group };
  return {
    record: builder.record("Window", () => fields),
    kernel,
    stride,
    planeWidth,
    plane: planeHeight * planeWidth,
    group,
  };
}
