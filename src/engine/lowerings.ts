import { samePadding } from "../graph/ops.ts";
import type { Buffer } from "./arena.ts";
import type { Argument, Builder, Call } from "./builder.ts";
import type { Kernel } from "./kernels.ts";
import type { Kind } from "./stages.ts";
import { gradientBuffer, rowsBytes, type Tensor } from "./tensor.ts";

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
type Lower = (t: Tensor, to: Lowering) => () => void;

/** Rows that the kernels of `kernels/elementwise.ts` work on at a time. */
const block = 64;
/** Of a block of rows of input and output, so that both stay in the first-level cache or near it. */
const blockBytes = 48 * 1024;
/** Of the plane of some channels that a depthwise convolution slides over. */
const planeLimit = 256 * 1024;

function blockRowsOf(rows: number, rowBytes: number): number {
  const most = Math.ceil(rows / 4) * 4;
  return Math.min(most, Math.max(16, Math.floor(blockBytes / rowBytes / 4) * 4));
}

/** Emits a call that writes the value of `t`. */
function emitForward({ builder }: Lowering, kernel: Kernel, t: Tensor, args: readonly Argument[], scratch = 0): void {
  builder.emit({ kernel, args }, [t.value, ...t.inputs.map(({ value }) => value)], scratch);
}

/** Emits a call that reads the gradient of `t`. */
function emitBackward({ builder }: Lowering, kernel: Kernel, t: Tensor, args: readonly Argument[], scratch: number, more: Buffer | null = null): void {
  const touched = [t, ...t.inputs].flatMap(({ value, gradient, imageGradient }) => [value, gradient, imageGradient]);
  builder.emit({ kernel, args }, [...touched, more], scratch);
}

/** Announces one part of the gradient of `x`: whether to add to what is there, and whether to take the sums after it. */
function give({ builder }: Lowering, x: Tensor): readonly [accumulate: number, closes: number] {
  const accumulate = x.gradient === null ? 0 : 1;
  x.gradient ??= gradientBuffer(builder, x);
  x.pending -= 1;
  const closes = x.pending === 0 && x.norm !== null;
  if (closes) x.isClosed = true;
  return [accumulate, Number(closes)];
}

/** A backward call whose arguments end in the usual way. */
function emitSimple(to: Lowering, kernel: Kernel, t: Tensor, x: Tensor, args: readonly Argument[], scratch: number, more: Buffer | null = null): void {
  if (!x.needsGradient) return;
  const flags = give(to, x);
  emitBackward(to, kernel, t, [...args, to.builder.scratch, ...flags], scratch, more);
}

interface Window {
  readonly record: number;
  readonly kernel: number;
  /** Pixels of one image with its borders. */
  readonly plane: number;
  readonly group: number;
}

/** Geometry of `t`'s sliding window over its input, as `kernels/conv.ts` has it. */
function windowOf({ builder }: Lowering, t: Tensor): Window {
  const [height, width] = t.inputs[0]!.shape;
  const { kernel, stride } = t.node.attrs as { kernel: number; stride: number };
  const vertical = samePadding(height, kernel, stride);
  const horizontal = samePadding(width, kernel, stride);
  const planeHeight = Math.max((vertical.out - 1) * stride + kernel, height + vertical.before);
  const planeWidth = Math.max((horizontal.out - 1) * stride + kernel, width + horizontal.before);
  // Enough images to fill a block of rows.
  const group = Math.min(t.batch, Math.ceil(block / t.pixels));
  const words = [kernel, stride, vertical.before, horizontal.before, planeHeight, planeWidth, group];
  return { record: builder.record(words.length, () => words), kernel, plane: planeHeight * planeWidth, group };
}

/** Weights transposed, [out, in], in memory that lives until the call after. */
function transposed({ builder, weightAt }: Lowering, t: Tensor, rows: number): Buffer {
  const buffer = builder.buffer(4 * rows * t.width);
  builder.emit({ kernel: "transpose", args: [rows, t.width, weightAt(`${t.node.name}.weight`), buffer] }, [buffer]);
  return buffer;
}

const biasOf = (t: Tensor, at: (name: string) => number): number =>
  t.node.op === "Dense" || (t.node.op === "Conv" && t.node.attrs.bias) ? at(`${t.node.name}.bias`) : 0;

const pointwise: Lower = (t, to) => {
  const [x, gate] = t.inputs as readonly [Tensor, Tensor?];
  const weight = `${t.node.name}.weight`;
  const rows = blockRowsOf(t.rows, 4 * (x.width + t.width));
  const { scratch } = to.builder;
  const forward = [x.record, gate?.record ?? 0, to.weightAt(weight), biasOf(t, to.weightAt), t.record, to.zeros, scratch, rows];
  emitForward(to, "pointwiseForward", t, forward, rowsBytes(rows, x.width));
  return () => {
    const isGiven = x.needsGradient || gate !== undefined;
    const back = isGiven ? transposed(to, t, x.width) : null;
    const flags = isGiven ? give(to, x) : [0, 0];
    if (gate !== undefined) give(to, gate);
    const args = [x.record, gate?.record ?? 0, back ?? 0, to.gradientAt(weight), biasOf(t, to.gradientAt), t.record, to.zeros, scratch, rows];
    emitBackward(to, "pointwiseBackward", t, [...args, ...flags], 4 * (rows + 4) * (3 * x.width + t.width), back);
  };
};

const conv: Lower = (t, to) => {
  const x = t.inputs[0]!;
  const weight = `${t.node.name}.weight`;
  const window = windowOf(to, t);
  const depth = window.kernel ** 2 * x.width;
  const planes = 4 * window.group * window.plane * x.width;
  const rows = blockRowsOf(window.group * t.pixels, 4 * (depth + t.width));
  const { scratch } = to.builder;
  const forward = [x.record, window.record, to.weightAt(weight), biasOf(t, to.weightAt), t.record, to.zeros, scratch, rows];
  emitForward(to, "convForward", t, forward, planes + rowsBytes(rows, depth));
  return () => {
    const back = x.needsGradient ? transposed(to, t, depth) : null;
    const flags = x.needsGradient ? give(to, x) : [0, 0];
    const args = [x.record, window.record, back ?? 0, to.gradientAt(weight), biasOf(t, to.gradientAt), t.record, to.zeros, scratch, rows];
    const patches = 4 * Math.max((rows + 4) * depth, x.pixels * x.width);
    emitBackward(to, "convBackward", t, [...args, ...flags], 2 * planes + patches + 4 * (rows + 4) * t.width, back);
  };
};

const depthwise: Lower = (t, to) => {
  const x = t.inputs[0]!;
  const weight = `${t.node.name}.weight`;
  const window = windowOf(to, t);
  const chunk = Math.min(t.width, Math.max(16, Math.floor(planeLimit / (4 * window.plane) / 8) * 8));
  const { scratch } = to.builder;
  const forward = [x.record, window.record, to.weightAt(weight), t.record, scratch, chunk];
  emitForward(to, "depthwiseForward", t, forward, 4 * window.plane * chunk);
  return () => {
    const flags = x.needsGradient ? give(to, x) : [0, 0];
    const args = [x.record, window.record, to.weightAt(weight), to.gradientAt(weight), t.record, scratch, chunk, Number(x.needsGradient)];
    const [height, width] = t.shape;
    const border = 2 * (window.kernel - 1);
    const planes = 2 * window.plane + (height + border) * (width + border);
    emitBackward(to, "depthwiseBackward", t, [...args, ...flags], 4 * chunk * planes);
  };
};

const blocksBytes = (...tensors: readonly Tensor[]): number => tensors.reduce((sum, { width }) => sum + 4 * block * width, 0);

/** Also appends or cuts channels. */
const copy: Lower = (t, to) => {
  const x = t.inputs[0]!;
  // The same channels are copied with their padding, in one go.
  const channels = x.shape[2] === t.shape[2] && x.width === t.width ? t.width : Math.min(x.shape[2], t.shape[2]);
  emitForward(to, "copyForward", t, [x.record, t.record, channels, to.builder.scratch], blocksBytes(x));
  return () => emitSimple(to, "copyBackward", t, x, [x.record, t.record, channels], blocksBytes(x, t));
};

/**
 * The gradient of a plain sum is that of both its inputs, and need not be copied, if whoever adds to it later does so
 * after everyone has read it. The first input may share it if the sum is its only user; the second, if its other users
 * come before the first input is computed, for then their way back comes after that of the first.
 */
function canShareGradient(x: Tensor, t: Tensor): boolean {
  const [a, b] = t.inputs as readonly [Tensor, Tensor];
  if (a === b || t.norm !== null || t.activation !== null || t.imageGradient !== null || !x.needsGradient) return false;
  if (x.gradient !== null || x.imageGradient !== null) return false;
  return x === a ? x.pending === 1 : a.gradient === t.gradient && x.users.every((user) => user === t || user.index < a.index);
}

const add: Lower = (t, to) => {
  const [a, b] = t.inputs as readonly [Tensor, Tensor];
  emitForward(to, "addForward", t, [a.record, b.record, t.record, to.builder.scratch], blocksBytes(t));
  return () => {
    for (const x of [a, b]) {
      if (canShareGradient(x, t)) {
        x.gradient = t.gradient;
        x.pending -= 1;
      } else emitSimple(to, "addBackward", t, x, [x.record, t.record], blocksBytes(x, t));
    }
  };
};

const scale: Lower = (t, to) => {
  const [x, gate] = t.inputs as readonly [Tensor, Tensor];
  emitForward(to, "scaleForward", t, [x.record, gate.record, t.record]);
  return () => {
    give(to, gate);
    const flags = give(to, x);
    emitBackward(to, "scaleBackward", t, [x.record, gate.record, t.record, to.builder.scratch, ...flags], blocksBytes(x, x));
  };
};

const sigmoid: Lower = (t, to) => {
  const x = t.inputs[0]!;
  emitForward(to, "sigmoidForward", t, [x.record, t.record, t.shape[2]]);
  return () => emitSimple(to, "sigmoidBackward", t, x, [x.record, t.record], blocksBytes(x));
};

const pool =
  (forward: Kernel, backward: Kernel): Lower =>
  (t, to) => {
    const x = t.inputs[0]!;
    const window = windowOf(to, t);
    const scratch = 4 * (2 * x.pixels + t.shape[1]) * x.width;
    emitForward(to, forward, t, [x.record, window.record, t.record, to.builder.scratch], scratch);
    return () => emitSimple(to, backward, t, x, [x.record, window.record, t.record], scratch);
  };

const mean: Lower = (t, to) => {
  const x = t.inputs[0]!;
  const { builder } = to;
  emitForward(to, "meanForward", t, [x.record, t.record, builder.scratch], blocksBytes(x));
  return () => {
    if (!x.needsGradient) return;
    const accumulate = x.imageGradient === null ? 0 : 1;
    x.imageGradient ??= builder.buffer(4 * x.batch * x.width);
    x.pending -= 1;
    emitBackward(to, "meanBackward", t, [x.record, t.record, builder.scratch, accumulate], blocksBytes(x));
  };
};

const dropout: Lower = (t, to) => {
  const x = t.inputs[0]!;
  const { builder, seed } = to;
  const mask = builder.buffer(4 * t.rows * t.width);
  const { rate } = t.node.attrs as { rate: number };
  const inference: Call = { kernel: "copyForward", args: [x.record, t.record, t.width, builder.scratch] };
  builder.emit({ kernel: "dropoutForward", args: [x.record, t.record, mask, rate, seed], inference }, [t.value, x.value, mask]);
  return () => emitSimple(to, "dropoutBackward", t, x, [x.record, t.record, mask], blocksBytes(x), mask);
};

export const lowerings: Readonly<Record<Exclude<Kind, "Image">, Lower>> = {
  Pointwise: pointwise,
  Conv: conv,
  Depthwise: depthwise,
  Copy: copy,
  Add: add,
  Scale: scale,
  Sigmoid: sigmoid,
  AveragePool: pool("averagePoolForward", "averagePoolBackward"),
  MaxPool: pool("maxPoolForward", "maxPoolBackward"),
  Mean: mean,
  Dropout: dropout,
};
