import { apart, biasOf, blockRowsOf, reordered } from "./blocks.ts";
import { expandFinish, expandStatistics, isExpansion } from "./expansion.ts";
import { emitBackward, emitForward, give, noPart, windowOf, type Lower } from "./lowering.ts";
import { rowsBytes, type Tensor } from "./tensor.ts";

export const pointwise: Lower = (t, to) => {
  if (isExpansion(t)) {
    expandStatistics(to, t);
    return () => expandFinish(to, t);
  }
  const [x, gate] = t.inputs as readonly [Tensor, Tensor?];
  const weight = `${t.node.name}.weight`;
  const rows = blockRowsOf(t.rows, 4 * (x.width + t.width));
  const packed = reordered(to, t, x.width, "pack");
  const { zeros } = to;
  const common = {
    x: x.record,
    gate: gate?.record ?? 0,
    y: t.record,
    zeros,
    scratch: to.builder.scratch,
    blockRows: rows,
  };
  const forward = { ...common, packed, bias: biasOf(t, to.weightAt) };
  emitForward(to, "pointwiseForward", t, forward, rowsBytes(rows, x.width), packed);
  return () => {
    const isGiven = x.needsGradient || gate !== undefined;
    const back = isGiven ? reordered(to, t, x.width, "packTransposed") : null;
    const part = isGiven ? give(to, x) : noPart;
    if (gate !== undefined) give(to, gate);
    // All that is still to come is the same for the pixels of an image: usually from the mean that the gate is made of.
    const isBeside =
      x.pending > 0 && x.users.length === 1 + x.pending && x.users.every((user) => user === t || user.kind === "Mean");
    if (gate !== undefined && x.norm !== null && isBeside) x.slopes = to.builder.buffer(8 * x.batch * x.width);
    const bytes = (rows + 4) * (4 * x.width + apart(4 * x.width) + apart(4 * t.width));
    const gradients = { dWeight: to.gradientAt(weight), dBias: biasOf(t, to.gradientAt) };
    const args = { ...common, ...gradients, packedTransposed: back ?? 0, ...part };
    emitBackward(to, "pointwiseBackward", t, args, bytes, back);
  };
};

export const conv: Lower = (t, to) => {
  const x = t.inputs[0]!;
  const weight = `${t.node.name}.weight`;
  const window = windowOf(to, t);
  const depth = window.kernel ** 2 * x.width;
  const planes = 4 * window.group * window.plane * x.width;
  const rows = blockRowsOf(window.group * t.pixels, 4 * (depth + t.width));
  const packed = reordered(to, t, depth, "pack");
  const { zeros } = to;
  const common = { x: x.record, w: window.record, y: t.record, zeros, scratch: to.builder.scratch, blockRows: rows };
  const forward = { ...common, packed, bias: biasOf(t, to.weightAt) };
  emitForward(to, "convForward", t, forward, planes + rowsBytes(rows, depth), packed);
  return () => {
    const back = x.needsGradient ? reordered(to, t, depth, "packTransposed") : null;
    const part = x.needsGradient ? give(to, x) : noPart;
    const gradients = { dWeight: to.gradientAt(weight), dBias: biasOf(t, to.gradientAt) };
    const args = { ...common, ...gradients, packedTransposed: back ?? 0, ...part };
    const bytes = 2 * planes + 4 * (rows + 4) * (depth + t.width);
    emitBackward(to, "convBackward", t, args, bytes, back);
  };
};
