import { apart, bandBytes, bandOf } from "./blocks.ts";
import { expandBackward, expandForward } from "./expansion.ts";
import { emitBackward, emitForward, give, windowOf, type Lower } from "./lowering.ts";

export const depthwise: Lower = (t, to) => {
  const x = t.inputs[0]!;
  const weight = `${t.node.name}.weight`;
  const window = windowOf(to, t);
  const { expansion } = x;
  if (expansion !== null) {
    expandForward(to, t, window, expansion);
    return () => expandBackward(to, t, window, expansion);
  }
  const { kernel, stride, planeWidth } = window;
  const { scratch } = to.builder;
  const rowBytes = (chunk: number): number => planeWidth * apart(4 * chunk);
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
    const bytes = bandBytes(window, t, chunk, band) + band * rowBytes(chunk);
    emitBackward(to, "depthwiseBackward", t, [...args, ...flags], bytes);
  };
};
