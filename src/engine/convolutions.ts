import type { Buffer } from "./arena.ts";
import { emitBackward, emitForward, give, windowOf, type Lower, type Lowering } from "./lowering.ts";
import { rowsBytes, type Tensor } from "./tensor.ts";

/** Of a block of rows of input and output, so that both stay in the first-level cache or near it. */
const blockBytes = 48 * 1024;
/** Of the plane of some channels that a depthwise convolution slides over. */
const planeLimit = 256 * 1024;

function blockRowsOf(rows: number, rowBytes: number): number {
  const most = Math.ceil(rows / 4) * 4;
  return Math.min(most, Math.max(16, Math.floor(blockBytes / rowBytes / 4) * 4));
}

/** Weights transposed, [out, in], in memory that lives until the call after. */
function transposed({ builder, weightAt }: Lowering, t: Tensor, rows: number): Buffer {
  const buffer = builder.buffer(4 * rows * t.width);
  builder.emit({ kernel: "transpose", args: [rows, t.width, weightAt(`${t.node.name}.weight`), buffer] }, [buffer]);
  return buffer;
}

const biasOf = (t: Tensor, at: (name: string) => number): number =>
  t.node.op === "Dense" || (t.node.op === "Conv" && t.node.attrs.bias) ? at(`${t.node.name}.bias`) : 0;

export const pointwise: Lower = (t, to) => {
  const [x, gate] = t.inputs as readonly [Tensor, Tensor?];
  const weight = `${t.node.name}.weight`;
  const rows = blockRowsOf(t.rows, 4 * (x.width + t.width));
  const { scratch } = to.builder;
  const forward = [
    x.record,
    gate?.record ?? 0,
    to.weightAt(weight),
    biasOf(t, to.weightAt),
    t.record,
    to.zeros,
    scratch,
    rows,
  ];
  emitForward(to, "pointwiseForward", t, forward, rowsBytes(rows, x.width));
  return () => {
    const isGiven = x.needsGradient || gate !== undefined;
    const back = isGiven ? transposed(to, t, x.width) : null;
    const flags = isGiven ? give(to, x) : [0, 0];
    if (gate !== undefined) give(to, gate);
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
    emitBackward(to, "pointwiseBackward", t, [...args, ...flags], 4 * (rows + 4) * (3 * x.width + t.width), back);
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
  const forward = [
    x.record,
    window.record,
    to.weightAt(weight),
    biasOf(t, to.weightAt),
    t.record,
    to.zeros,
    scratch,
    rows,
  ];
  emitForward(to, "convForward", t, forward, planes + rowsBytes(rows, depth));
  return () => {
    const back = x.needsGradient ? transposed(to, t, depth) : null;
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
    const patches = 4 * Math.max((rows + 4) * depth, x.pixels * x.width);
    emitBackward(to, "convBackward", t, [...args, ...flags], 2 * planes + patches + 4 * (rows + 4) * t.width, back);
  };
};

export const depthwise: Lower = (t, to) => {
  const x = t.inputs[0]!;
  const weight = `${t.node.name}.weight`;
  const window = windowOf(to, t);
  const chunk = Math.min(t.width, Math.max(16, Math.floor(planeLimit / (4 * window.plane) / 8) * 8));
  const { scratch } = to.builder;
  const forward = [x.record, window.record, to.weightAt(weight), t.record, scratch, chunk];
  emitForward(to, "depthwiseForward", t, forward, 4 * window.plane * chunk);
  return () => {
    const flags = x.needsGradient ? give(to, x) : [0, 0];
    const args = [
      x.record,
      window.record,
      to.weightAt(weight),
      to.gradientAt(weight),
      t.record,
      scratch,
      chunk,
      Number(x.needsGradient),
    ];
    const [height, width] = t.shape;
    const border = 2 * (window.kernel - 1);
    const planes = 2 * window.plane + (height + border) * (width + border);
    emitBackward(to, "depthwiseBackward", t, [...args, ...flags], 4 * chunk * planes);
  };
};
