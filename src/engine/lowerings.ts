import { apart, bandBytes, bandOf } from "./blocks.ts";
import { callOf } from "./builder.ts";
import { conv, pointwise } from "./convolutions.ts";
import { depthwise } from "./depthwise.ts";
import { block, emitBackward, emitForward, emitSimple, give, windowOf, type Lower } from "./lowering.ts";
import type { Kind } from "./stages.ts";
import type { Tensor } from "./tensor.ts";

const blocksBytes = (...tensors: readonly Tensor[]): number =>
  tensors.reduce((sum, { width }) => sum + 4 * block * width, 0);

/** Also appends or cuts channels. */
const copy: Lower = (t, to) => {
  const x = t.inputs[0]!;
  // The same channels are copied with their padding, in one go.
  const channels = x.shape[2] === t.shape[2] && x.width === t.width ? t.width : Math.min(x.shape[2], t.shape[2]);
  emitForward(
    to,
    "copyForward",
    t,
    { x: x.record, y: t.record, channels, scratch: to.builder.scratch },
    blocksBytes(x),
  );
  return () => emitSimple(to, "copyBackward", t, x, { x: x.record, y: t.record, channels }, blocksBytes(x, t));
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
  return x === a
    ? x.pending === 1
    : a.gradient === t.gradient && x.users.every((user) => user === t || user.index < a.index);
}

const add: Lower = (t, to) => {
  const [a, b] = t.inputs as readonly [Tensor, Tensor];
  emitForward(
    to,
    "addForward",
    t,
    { a: a.record, b: b.record, y: t.record, scratch: to.builder.scratch },
    blocksBytes(t),
  );
  return () => {
    for (const x of [a, b]) {
      if (canShareGradient(x, t)) {
        x.gradient = t.gradient;
        x.pending -= 1;
      } else emitSimple(to, "copyBackward", t, x, { x: x.record, y: t.record, channels: t.width }, blocksBytes(x, t));
    }
  };
};

const scale: Lower = (t, to) => {
  const [x, gate] = t.inputs as readonly [Tensor, Tensor];
  emitForward(to, "scaleForward", t, { x: x.record, gate: gate.record, y: t.record });
  return () => {
    give(to, gate);
    const args = { x: x.record, gate: gate.record, y: t.record, scratch: to.builder.scratch, ...give(to, x) };
    emitBackward(to, "scaleBackward", t, args, blocksBytes(x, x));
  };
};

const sigmoid: Lower = (t, to) => {
  const x = t.inputs[0]!;
  emitForward(to, "sigmoidForward", t, { x: x.record, y: t.record, channels: t.shape[2] });
  return () => emitSimple(to, "sigmoidBackward", t, x, { x: x.record, y: t.record }, blocksBytes(x));
};

const averagePool: Lower = (t, to) => {
  const x = t.inputs[0]!;
  const window = windowOf(to, t);
  const { kernel, stride, planeWidth } = window;
  const { scratch } = to.builder;
  const rowBytes = (chunk: number): number => planeWidth * apart(4 * chunk);
  const out = bandOf(t.shape[0], (chunk) => stride * rowBytes(chunk), t.width, kernel - 1, t.width);
  const { zeros } = to;
  const forward = { x: x.record, w: window.record, y: t.record, zeros, scratch, band: out.band };
  const viewBytes = ((out.band - 1) * stride + kernel + out.band) * rowBytes(t.width);
  emitForward(to, "averagePoolForward", t, forward, 4 * t.width + viewBytes);
  return () => {
    const { band } = bandOf(x.shape[0], (chunk) => 2 * rowBytes(chunk), t.width, kernel - 1, t.width);
    const args = { x: x.record, w: window.record, y: t.record, zeros, band };
    const bytes = 4 * t.width + bandBytes(window, t, t.width, band) + band * rowBytes(t.width);
    emitSimple(to, "averagePoolBackward", t, x, args, bytes);
  };
};

const maxPool: Lower = (t, to) => {
  const x = t.inputs[0]!;
  const window = windowOf(to, t);
  const args = { x: x.record, w: window.record, y: t.record };
  const scratch = 4 * (2 * x.pixels + t.shape[1]) * x.width;
  emitForward(to, "maxPoolForward", t, { ...args, scratch: to.builder.scratch }, scratch);
  return () => emitSimple(to, "maxPoolBackward", t, x, args, scratch);
};

const mean: Lower = (t, to) => {
  const x = t.inputs[0]!;
  const { builder } = to;
  emitForward(to, "meanForward", t, { x: x.record, y: t.record, scratch: builder.scratch }, blocksBytes(x));
  return () => {
    if (!x.needsGradient) return;
    const accumulate = x.imageGradient === null ? 0 : 1;
    x.imageGradient ??= builder.buffer(4 * x.batch * x.width);
    x.pending -= 1;
    const args = { x: x.record, y: t.record, scratch: builder.scratch, accumulate };
    emitBackward(to, "meanBackward", t, args, blocksBytes(x));
  };
};

const dropout: Lower = (t, to) => {
  const x = t.inputs[0]!;
  const { builder, seed } = to;
  const mask = builder.buffer(4 * t.rows * t.width);
  const { rate } = t.node.attrs as { rate: number };
  const args = { x: x.record, y: t.record, mask };
  const inference = callOf("copyForward", { ...args, channels: t.width, scratch: builder.scratch });
  const call = callOf("dropoutForward", { ...args, rate, seedAt: seed });
  builder.emit({ ...call, inference }, [t.value, x.value, mask]);
  return () => emitSimple(to, "dropoutBackward", t, x, args, blocksBytes(x), mask);
};

export const lowerings: Readonly<Record<Exclude<Kind, "Image">, Lower>> = {
  Pointwise: pointwise,
  Conv: conv,
  Depthwise: depthwise,
  Copy: copy,
  Add: add,
  Scale: scale,
  Sigmoid: sigmoid,
  AveragePool: averagePool,
  MaxPool: maxPool,
  Mean: mean,
  Dropout: dropout,
};
