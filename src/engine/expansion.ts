import { apart, bandBytes, bandOf, biasOf, blockRowsOf, packedBytes, reordered } from "./blocks.ts";
import { callOf } from "./builder.ts";
import { give, type Lowering, type Window } from "./lowering.ts";
import { gradientBuffer, rowsBytes, type Expansion, type Tensor } from "./tensor.ts";

/**
 * Whether `t` goes together with what reads it: it is a 1×1 convolution with batch-norm whose only user is a depthwise one. It
 * pays where rows are long and the source is narrow: the products that replace passes over `t` grow with the square of the
 * source's channels.
 */
export function isExpansion(t: Tensor): boolean {
  const [source, gate] = t.inputs as readonly [Tensor, Tensor?];
  if (t.norm === null || gate !== undefined || t.users.length !== 1 || t.users[0]!.kind !== "Depthwise") return false;
  return source.needsGradient && biasOf(t, () => 1) === 0 && source.width ** 2 <= 12 * t.width;
}

/** The statistics of an expansion `t`; its values are made with those of the depthwise convolution behind it. */
export function expandStatistics(to: Lowering, t: Tensor): void {
  const { builder } = to;
  const source = t.inputs[0]!;
  const packed = reordered(to, t, source.width, "pack");
  const kept = builder.buffer(4 * source.width * (t.width + 1));
  const rows = blockRowsOf(source.rows, 8 * source.width);
  const args = {
    source: source.record,
    x: t.record,
    weight: to.weightAt(`${t.node.name}.weight`),
    kept,
    zeros: to.zeros,
    scratch: builder.scratch,
    blockRows: rows,
  };
  const bytes = 4 * source.width * (3 * (source.width + 1) + rows);
  builder.emit({ ...callOf("expandStatistics", args), inference: null }, [source.value, kept], bytes);
  t.expansion = { packed, kept, transposed: null };
}

/** An expansion and the depthwise convolution `t` behind it. */
export function expandForward(to: Lowering, t: Tensor, window: Window, { packed }: Expansion): void {
  const { builder } = to;
  const x = t.inputs[0]!;
  const source = x.inputs[0]!;
  const { kernel, stride, planeWidth } = window;
  const rowBytes = (width: number): number => planeWidth * apart(4 * width);
  const borderRows = Math.ceil((kernel - stride) / stride);
  const { band } = bandOf(t.shape[0], (width) => stride * rowBytes(width), t.width, borderRows, t.width);
  const rows = blockRowsOf(source.rows, 4 * (source.width + x.width));
  const args = {
    source: source.record,
    x: x.record,
    packed,
    w: window.record,
    weight: to.weightAt(`${t.node.name}.weight`),
    y: t.record,
    zeros: to.zeros,
    scratch: builder.scratch,
    blockRows: rows,
    band,
  };
  const bytes = ((band - 1) * stride + kernel + band) * rowBytes(x.width) + rowsBytes(rows, source.width);
  builder.emit(callOf("expandForward", args), [source.value, x.value, t.value, packed], bytes);
}

/** The way back of a depthwise convolution `t` and of the expansion before it, as far as it goes before the sums are known. */
export function expandBackward(to: Lowering, t: Tensor, window: Window, expansion: Expansion): void {
  const { builder, weightAt, gradientAt } = to;
  const x = t.inputs[0]!;
  const source = x.inputs[0]!;
  const name = x.node.name;
  const back = reordered(to, x, source.width, "transpose");
  const scaled = builder.buffer(packedBytes(x.width, source.width));
  const prepared = { source: source.record, x: x.record, n: x.normRecord!, transposed: back, scaled };
  builder.emit(callOf("expandPrepare", prepared), [back, scaled]);
  const accumulate = source.gradient === null ? 0 : 1;
  source.gradient ??= gradientBuffer(builder, source);
  const { kernel, planeWidth } = window;
  const { band } = bandOf(x.shape[0], (chunk) => 2 * planeWidth * apart(4 * chunk), x.width, kernel - 1, x.width);
  const args = {
    source: source.record,
    x: x.record,
    w: window.record,
    weight: weightAt(`${t.node.name}.weight`),
    dWeight: gradientAt(`${t.node.name}.weight`),
    y: t.record,
    scaled,
    dExpand: gradientAt(`${name}.weight`),
    zeros: to.zeros,
    scratch: builder.scratch,
    band,
    accumulate,
  };
  const pixels = band * x.shape[1] + 4;
  const bytes = bandBytes(window, t, x.width, band) + pixels * (apart(4 * x.width) + 8 * source.width);
  const touched = [x.value, source.value, source.gradient, t.value, t.gradient, t.imageGradient, scaled];
  builder.emit(callOf("expandBackward", args), touched, bytes);
  x.isClosed = true;
  x.expansion = { ...expansion, transposed: back };
}

/** The rest, now that the sums of batch-norm are known. */
export function expandFinish(to: Lowering, t: Tensor): void {
  const { transposed: back, kept } = t.expansion!;
  const { builder, weightAt, gradientAt } = to;
  const source = t.inputs[0]!;
  const weight = `${t.node.name}.weight`;
  const rows = blockRowsOf(source.rows, 8 * source.width);
  const { closes } = give(to, source);
  const args = {
    source: source.record,
    x: t.record,
    weight: weightAt(weight),
    transposed: back!,
    dExpand: gradientAt(weight),
    kept,
    zeros: to.zeros,
    scratch: builder.scratch,
    blockRows: rows,
    closes,
  };
  const bytes = 4 * source.width * (t.width + source.width + 1 + 2 * (rows + 4));
  const touched = [source.value, source.gradient, source.imageGradient, back, kept];
  builder.emit(callOf("expandFinish", args), touched, bytes);
}
