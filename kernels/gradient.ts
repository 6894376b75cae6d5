import { slope } from "./activation";
import { HSWISH, NONE, RELU, RELU6, Tensor } from "./tensor";

/*
 * Gradients of some rows (pixels) of raw values, made from those of what the next layer reads just before they are needed.
 */

// @ts-ignore: decorator
@inline
function rawGradientLoop(
  g: usize, gRow: usize, more: usize, y: usize, yRow: usize, rows: i32, width: usize, scale: usize, shift: usize, p: usize, q: usize, r: usize,
  out: usize, outRow: usize, f: i32, isNormalised: bool, hasMore: bool,
): void {
  for (; rows > 0; rows--) {
    for (let j: usize = 0; j < width; j += 32) {
      const y0 = v128.load(y + j), y1 = v128.load(y + j, 16);
      let z0 = y0, z1 = y1;
      if (isNormalised && f != NONE) {
        z0 = f32x4.add(f32x4.mul(y0, v128.load(scale + j)), v128.load(shift + j));
        z1 = f32x4.add(f32x4.mul(y1, v128.load(scale + j, 16)), v128.load(shift + j, 16));
      }
      let d0 = v128.load(g + j), d1 = v128.load(g + j, 16);
      if (hasMore) {
        d0 = f32x4.add(d0, v128.load(more + j)); d1 = f32x4.add(d1, v128.load(more + j, 16));
      }
      d0 = slope(z0, d0, f); d1 = slope(z1, d1, f);
      if (isNormalised) {
        d0 = f32x4.add(f32x4.add(f32x4.mul(d0, v128.load(p + j)), f32x4.mul(y0, v128.load(q + j))), v128.load(r + j));
        d1 = f32x4.add(f32x4.add(f32x4.mul(d1, v128.load(p + j, 16)), f32x4.mul(y1, v128.load(q + j, 16))), v128.load(r + j, 16));
      }
      v128.store(out + j, d0);
      v128.store(out + j, d1, 16);
    }
    g += gRow;
    y += yRow;
    out += outRow;
  }
}

/** For a gradient `g`, to each row of which `more` is added. */
// @ts-ignore: decorator
@inline
function rawGradientOf(
  t: Tensor, g: usize, gRow: usize, more: usize, row: i32, rows: i32, from: usize, width: usize, out: usize, outRow: usize, hasMore: bool,
): void {
  const stride = t.stride;
  const y = t.value + <usize>row * stride + from;
  if (t.p) {
    const scale = t.scale + from, shift = t.shift + from, p = t.p + from, q = t.q + from, r = t.r + from;
    switch (t.activation) {
      case RELU: return rawGradientLoop(g, gRow, more, y, stride, rows, width, scale, shift, p, q, r, out, outRow, RELU, true, hasMore);
      case RELU6: return rawGradientLoop(g, gRow, more, y, stride, rows, width, scale, shift, p, q, r, out, outRow, RELU6, true, hasMore);
      case HSWISH: return rawGradientLoop(g, gRow, more, y, stride, rows, width, scale, shift, p, q, r, out, outRow, HSWISH, true, hasMore);
      default: return rawGradientLoop(g, gRow, more, y, stride, rows, width, scale, shift, p, q, r, out, outRow, NONE, true, hasMore);
    }
  }
  switch (t.activation) {
    case RELU: return rawGradientLoop(g, gRow, more, y, stride, rows, width, 0, 0, 0, 0, 0, out, outRow, RELU, false, hasMore);
    case RELU6: return rawGradientLoop(g, gRow, more, y, stride, rows, width, 0, 0, 0, 0, 0, out, outRow, RELU6, false, hasMore);
    case HSWISH: return rawGradientLoop(g, gRow, more, y, stride, rows, width, 0, 0, 0, 0, 0, out, outRow, HSWISH, false, hasMore);
    default: return rawGradientLoop(g, gRow, more, y, stride, rows, width, 0, 0, 0, 0, 0, out, outRow, NONE, false, hasMore);
  }
}

function rawGradientAlone(t: Tensor, g: usize, gRow: usize, row: i32, rows: i32, from: usize, width: usize, out: usize, outRow: usize): void {
  rawGradientOf(t, g, gRow, 0, row, rows, from, width, out, outRow, false);
}

function rawGradientWith(t: Tensor, g: usize, more: usize, row: i32, rows: i32, from: usize, width: usize, out: usize, outRow: usize): void {
  rawGradientOf(t, g, t.stride, more, row, rows, from, width, out, outRow, true);
}

/** Gradient of raw values: back through activation and batch-norm. */
export function rawGradientRows(t: Tensor, row: i32, rows: i32, from: usize, width: usize, out: usize, outRow: usize): void {
  const stride = t.stride;
  if (!t.imageGradient) {
    rawGradientAlone(t, t.gradient + <usize>row * stride + from, stride, row, rows, from, width, out, outRow);
    return;
  }
  while (rows > 0) {
    const count = min(t.pixels - row % t.pixels, rows);
    const more = t.imageGradient + <usize>(row / t.pixels) * stride + from;
    if (t.gradient) rawGradientWith(t, t.gradient + <usize>row * stride + from, more, row, count, from, width, out, outRow);
    else rawGradientAlone(t, more, 0, row, count, from, width, out, outRow);
    out += <usize>count * outRow;
    row += count;
    rows -= count;
  }
}

/** Whether the gradient of raw values is stored as it is. */
// @ts-ignore: decorator
@inline
export function isPlainGradient(t: Tensor): bool {
  return !t.p && t.activation == NONE && !t.imageGradient;
}
