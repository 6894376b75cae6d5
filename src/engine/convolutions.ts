import { apart, biasOf, blockRowsOf, reordered } from "./blocks.ts";
import { expandFinish, expandStatistics, isExpansion } from "./expansion.ts";
import { emitBackward, emitForward, give, windowOf, type Lower } from "./lowering.ts";
import { rowsBytes, type Tensor } from "./tensor.ts";

export const pointwise: Lower = (t, to) => {
  if (isExpansion(t)) {
    expandStatistics(to, t);
    return () => expandFinish(to, t);
  }
  const [x, gate] = t.inputs as readonly [Tensor, Tensor?];
  const weight = `${t.node.name}.weight`;
  const rows = blockRowsOf(t.rows, 4 * (x.width + t.width));
  const { scratch } = to.builder;
  const packed = reordered(to, t, x.width, "pack");
  const forward = [x.record, gate?.record ?? 0, packed, biasOf(t, to.weightAt), t.record, to.zeros, scratch, rows];
  emitForward(to, "pointwiseForward", t, forward, rowsBytes(rows, x.width), packed);
  return () => {
    const isGiven = x.needsGradient || gate !== undefined;
    const back = isGiven ? reordered(to, t, x.width, "packTransposed") : null;
    const flags = isGiven ? give(to, x) : [0, 0];
    if (gate !== undefined) give(to, gate);
    // All that is still to come is the same for the pixels of an image: usually from the mean that the gate is made of.
    const isBeside =
      x.pending > 0 && x.users.length === 1 + x.pending && x.users.every((user) => user === t || user.kind === "Mean");
    if (gate !== undefined && x.norm !== null && isBeside) x.slopes = to.builder.buffer(8 * x.batch * x.width);
    const bytes = (rows + 4) * (4 * x.width + apart(4 * x.width) + apart(4 * t.width));
    const args = [
      x.record,
      gate?.record ?? 0,
      back ?? 0,
      to.gradientAt(weight),
      biasOf(t, to.gradientAt),
      t.record,
      to.zeros,
      scratch,
      rows,
    ];
    emitBackward(to, "pointwiseBackward", t, [...args, ...flags], bytes, back);
  };
};

export const conv: Lower = (t, to) => {
  const x = t.inputs[0]!;
  const weight = `${t.node.name}.weight`;
  const window = windowOf(to, t);
  const depth = window.kernel ** 2 * x.width;
  const planes = 4 * window.group * window.plane * x.width;
  const rows = blockRowsOf(window.group * t.pixels, 4 * (depth + t.width));
  const { scratch } = to.builder;
  const packed = reordered(to, t, depth, "pack");
  const forward = [x.record, window.record, packed, biasOf(t, to.weightAt), t.record, to.zeros, scratch, rows];
  emitForward(to, "convForward", t, forward, planes + rowsBytes(rows, depth), packed);
  return () => {
    const back = x.needsGradient ? reordered(to, t, depth, "packTransposed") : null;
    const flags = x.needsGradient ? give(to, x) : [0, 0];
    const args = [
      x.record,
      window.record,
      back ?? 0,
      to.gradientAt(weight),
      biasOf(t, to.gradientAt),
      t.record,
      to.zeros,
      scratch,
      rows,
    ];
    const bytes = 2 * planes + 4 * (rows + 4) * (depth + t.width);
    emitBackward(to, "convBackward", t, [...args, ...flags], bytes, back);
  };
};
