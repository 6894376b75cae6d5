import { apart, bandBytes, bandOf } from "./blocks.ts";
import { expandBackward, expandForward } from "./expansion.ts";
import { emitBackward, emitForward, give, noPart, windowOf, type Lower } from "./lowering.ts";

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
  const common = {
    x: x.record,
    w: window.record,
    weight: to.weightAt(weight),
    y: t.record,
    zeros: to.zeros,
    scratch: to.builder.scratch,
  };
  const rowBytes = (chunk: number): number => planeWidth * apart(4 * chunk);
  const out = bandOf(t.shape[0], (chunk) => stride * rowBytes(chunk), t.width, Math.ceil((kernel - stride) / stride));
  const viewBytes = ((out.band - 1) * stride + kernel + out.band) * rowBytes(out.chunk);
  emitForward(to, "depthwiseForward", t, { ...common, ...out }, viewBytes);
  return () => {
    const part = x.needsGradient ? give(to, x) : noPart;
    const { chunk, band } = bandOf(x.shape[0], (channels) => 2 * rowBytes(channels), t.width, kernel - 1);
    const dWeight = to.gradientAt(weight);
    const args = { ...common, dWeight, chunk, band, needsInput: Number(x.needsGradient), ...part };
    const bytes = bandBytes(window, t, chunk, band) + band * rowBytes(chunk);
    emitBackward(to, "depthwiseBackward", t, args, bytes);
  };
};
