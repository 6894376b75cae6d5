import type { Buffer } from "./arena.ts";
import { emitBackward, emitForward, give, windowOf, type Lower, type Lowering } from "./lowering.ts";
import { rowsBytes, type Tensor } from "./tensor.ts";

/** Of a block of rows of input and output, so that both stay in the first-level cache or near it. */
const blockBytes = 48 * 1024;
/** Of the rows that a depthwise convolution slides over: well inside the second-level cache. */
const bandLimit = 384 * 1024;

function blockRowsOf(rows: number, rowBytes: number): number {
  const most = Math.ceil(rows / 4) * 4;
  return Math.min(most, Math.max(64, Math.floor(blockBytes / rowBytes / 4) * 4));
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

/** How much of an image a depthwise convolution works on at a time: as many rows as fit, of all channels if 4 rows of them do. */
function bandOf(
  height: number,
  rowBytes: (channels: number) => number,
  channels: number,
  borderRows: number,
): { chunk: number; band: number } {
  const rowsThatFit = (chunk: number): number => Math.floor(bandLimit / rowBytes(chunk)) - borderRows;
  let chunk = channels;
  while (chunk > 32 && rowsThatFit(chunk) < Math.min(4, height)) chunk = Math.ceil(chunk / 32) * 16;
  return { chunk, band: Math.min(height, Math.max(1, rowsThatFit(chunk))) };
}

export const depthwise: Lower = (t, to) => {
  const x = t.inputs[0]!;
  const weight = `${t.node.name}.weight`;
  const window = windowOf(to, t);
  const { kernel, stride, planeWidth } = window;
  const { scratch } = to.builder;
  const rowBytes = (chunk: number): number => 4 * planeWidth * chunk;
  const out = bandOf(t.shape[0], (chunk) => stride * rowBytes(chunk), t.width, Math.ceil((kernel - stride) / stride));
  const forward = [x.record, window.record, to.weightAt(weight), t.record, to.zeros, scratch, out.chunk, out.band];
  emitForward(to, "depthwiseForward", t, forward, ((out.band - 1) * stride + kernel + out.band) * rowBytes(out.chunk));
  return () => {
    const flags = x.needsGradient ? give(to, x) : [0, 0];
    const { chunk, band } = bandOf(x.shape[0], (channels) => 2 * rowBytes(channels), t.width, kernel - 1);
    const args = [
      x.record,
      window.record,
      to.weightAt(weight),
      to.gradientAt(weight),
      t.record,
      to.zeros,
      scratch,
      chunk,
      band,
      Number(x.needsGradient),
    ];
    const border = Math.ceil((kernel - 1) / stride);
    const gradientBytes = 4 * chunk * (t.shape[1] + 2 * border) * (Math.floor(band / stride) + 2 * border + 2);
    const bytes = (2 * band + kernel + stride) * rowBytes(chunk) + gradientBytes;
    emitBackward(to, "depthwiseBackward", t, [...args, ...flags], bytes);
  };
};
