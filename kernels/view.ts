import { activate } from "./activation";
import { copyRows } from "./rows";
import { HSWISH, NONE, RELU, RELU6, Tensor } from "./tensor";

/*
 * What a layer reads: made from some rows (pixels) of raw values just before it is needed, into the cache. `from` and `width`
 * select channels, in bytes.
 */

/**
 * Two rows at a time, from both halves of the block: two places in memory are read faster than one (12.5 GB/s instead of
 * 10.7 on a Xeon), and scale and shift are loaded once for both.
 */
// @ts-ignore: decorator
@inline
function viewLoop(
  source: usize, sourceRow: usize, rows: i32, width: usize, scale: usize, shift: usize, gate: usize, out: usize, outRow: usize,
  f: i32, isNormalised: bool, isGated: bool,
): void {
  const half = rows >> 1;
  const further = <usize>half * sourceRow, outFurther = <usize>half * outRow;
  for (let n = half; n > 0; n--) {
    for (let j: usize = 0; j < width; j += 32) {
      const at = source + j, to = out + j, u = scale + j, v = shift + j, w = gate + j;
      let a = v128.load(at), b = v128.load(at, 16), c = v128.load(at + further), d = v128.load(at + further, 16);
      if (isNormalised) {
        const u0 = v128.load(u), u1 = v128.load(u, 16), v0 = v128.load(v), v1 = v128.load(v, 16);
        a = f32x4.add(f32x4.mul(a, u0), v0);
        b = f32x4.add(f32x4.mul(b, u1), v1);
        c = f32x4.add(f32x4.mul(c, u0), v0);
        d = f32x4.add(f32x4.mul(d, u1), v1);
      }
      a = activate(a, f); b = activate(b, f); c = activate(c, f); d = activate(d, f);
      if (isGated) {
        const w0 = v128.load(w), w1 = v128.load(w, 16);
        a = f32x4.mul(a, w0); b = f32x4.mul(b, w1);
        c = f32x4.mul(c, w0); d = f32x4.mul(d, w1);
      }
      v128.store(to, a); v128.store(to, b, 16);
      v128.store(to + outFurther, c); v128.store(to + outFurther, d, 16);
    }
    source += sourceRow;
    out += outRow;
  }
  if (!(rows & 1)) return;
  source += further;
  out += outFurther;
  for (let j: usize = 0; j < width; j += 32) {
    let a = v128.load(source + j), b = v128.load(source + j, 16);
    if (isNormalised) {
      a = f32x4.add(f32x4.mul(a, v128.load(scale + j)), v128.load(shift + j));
      b = f32x4.add(f32x4.mul(b, v128.load(scale + j, 16)), v128.load(shift + j, 16));
    }
    a = activate(a, f); b = activate(b, f);
    if (isGated) {
      a = f32x4.mul(a, v128.load(gate + j)); b = f32x4.mul(b, v128.load(gate + j, 16));
    }
    v128.store(out + j, a); v128.store(out + j, b, 16);
  }
}

/** What the next operation reads: batch-norm and activation of rows `row` and following. */
export function viewRows(t: Tensor, row: i32, rows: i32, from: usize, width: usize, out: usize, outRow: usize): void {
  const stride = t.stride;
  const source = t.value + <usize>row * stride + from;
  const scale = t.scale + from, shift = t.shift + from;
  if (t.scale) {
    switch (t.activation) {
      case RELU: return viewLoop(source, stride, rows, width, scale, shift, 0, out, outRow, RELU, true, false);
      case RELU6: return viewLoop(source, stride, rows, width, scale, shift, 0, out, outRow, RELU6, true, false);
      case HSWISH: return viewLoop(source, stride, rows, width, scale, shift, 0, out, outRow, HSWISH, true, false);
      default: return viewLoop(source, stride, rows, width, scale, shift, 0, out, outRow, NONE, true, false);
    }
  }
  switch (t.activation) {
    case RELU: return viewLoop(source, stride, rows, width, 0, 0, 0, out, outRow, RELU, false, false);
    case RELU6: return viewLoop(source, stride, rows, width, 0, 0, 0, out, outRow, RELU6, false, false);
    case HSWISH: return viewLoop(source, stride, rows, width, 0, 0, 0, out, outRow, HSWISH, false, false);
    default: return copyRows(source, stride, rows, width, out, outRow);
  }
}

/** The same times the gate [images, channels] of squeeze-and-excite; `row` and following of one image. */
// @ts-ignore: decorator
@inline
function gateImageRows(t: Tensor, line: usize, row: i32, rows: i32, out: usize, outRow: usize): void {
  const width = t.stride;
  const source = t.value + <usize>row * width;
  const scale = t.scale, shift = t.shift;
  if (scale) {
    switch (t.activation) {
      case RELU: return viewLoop(source, width, rows, width, scale, shift, line, out, outRow, RELU, true, true);
      case RELU6: return viewLoop(source, width, rows, width, scale, shift, line, out, outRow, RELU6, true, true);
      case HSWISH: return viewLoop(source, width, rows, width, scale, shift, line, out, outRow, HSWISH, true, true);
      default: return viewLoop(source, width, rows, width, scale, shift, line, out, outRow, NONE, true, true);
    }
  }
  switch (t.activation) {
    case RELU: return viewLoop(source, width, rows, width, 0, 0, line, out, outRow, RELU, false, true);
    case RELU6: return viewLoop(source, width, rows, width, 0, 0, line, out, outRow, RELU6, false, true);
    case HSWISH: return viewLoop(source, width, rows, width, 0, 0, line, out, outRow, HSWISH, false, true);
    default: return viewLoop(source, width, rows, width, 0, 0, line, out, outRow, NONE, false, true);
  }
}

/** What `viewRows` gives, times the gate [images, channels] of squeeze-and-excite; all channels. */
export function gatedRows(t: Tensor, gate: Tensor, row: i32, rows: i32, out: usize, outRow: usize): void {
  while (rows > 0) {
    const count = min(t.pixels - row % t.pixels, rows);
    gateImageRows(t, gate.value + <usize>(row / t.pixels) * gate.stride, row, count, out, outRow);
    out += <usize>count * outRow;
    row += count;
    rows -= count;
  }
}

/** Whether the next operation reads raw values as they are. */
// @ts-ignore: decorator
@inline
export function isPlain(t: Tensor): bool {
  return !t.scale && t.activation == NONE;
}

/** Where whole rows can be read as the next operation does: in `t` itself, or a view of them in `scratch`. */
// @ts-ignore: decorator
@inline
export function readRows(t: Tensor, row: i32, rows: i32, scratch: usize): usize {
  const stride = t.stride;
  if (isPlain(t)) return t.value + <usize>row * stride;
  viewRows(t, row, rows, 0, stride, scratch, stride);
  return scratch;
}
