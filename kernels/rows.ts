import { activate, slope } from "./activation";
import { HSWISH, NONE, RELU, RELU6, Tensor } from "./tensor";

/*
 * Work on some rows (pixels) of a tensor that are in the cache anyway: what a layer reads is made from raw values just
 * before it is needed, and sums are taken just after values were written. `from` and `width` select channels, in bytes.
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

/** The plain copy also serves images, whose channels need not be a multiple of 8. */
export function copyRows(source: usize, sourceRow: usize, rows: i32, width: usize, out: usize, outRow: usize): void {
  if (width == sourceRow && width == outRow) {
    memory.copy(out, source, <usize>rows * width);
    return;
  }
  for (; rows > 0; rows--) {
    // A call for each row would cost more than the copy.
    if (width & 31) memory.copy(out, source, width);
    else for (let j: usize = 0; j < width; j += 32) {
      v128.store(out + j, v128.load(source + j));
      v128.store(out + j, v128.load(source + j, 16), 16);
    }
    source += sourceRow;
    out += outRow;
  }
}

export function addRows(source: usize, sourceRow: usize, rows: i32, width: usize, out: usize, outRow: usize): void {
  for (; rows > 0; rows--) {
    for (let j: usize = 0; j < width; j += 32) {
      v128.store(out + j, f32x4.add(v128.load(out + j), v128.load(source + j)));
      v128.store(out + j, f32x4.add(v128.load(out + j, 16), v128.load(source + j, 16)), 16);
    }
    source += sourceRow;
    out += outRow;
  }
}

/** Stores or adds. */
export function giveRows(source: usize, sourceRow: usize, rows: i32, width: usize, out: usize, outRow: usize, accumulate: i32): void {
  if (accumulate) addRows(source, sourceRow, rows, width, out, outRow);
  else copyRows(source, sourceRow, rows, width, out, outRow);
}

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

/** Sums of 8 channels of a block; kept in memory because a loop is only merged into 256 bits if it ends in plain stores. */
const partial: usize = memory.data(64, 32);

/** Adds 8 float32 sums to float64 ones: rows are summed in float32 by blocks, blocks in float64. */
function addPartial(from: usize, sums: usize): void {
  for (let i: usize = 0; i < 32; i += 8) {
    v128.store(sums + 2 * i, f64x2.add(v128.load(sums + 2 * i), f64x2.promote_low_f32x4(v128.load64_zero(from + i))));
  }
}

/** Adds the sums of 8 channels, and the second ones, to those of a tensor. */
// @ts-ignore: decorator
@inline
export function addSums(a0: v128, a1: v128, b0: v128, b1: v128, sums: usize, second: usize): void {
  v128.store(partial, a0); v128.store(partial, a1, 16);
  v128.store(partial, b0, 32); v128.store(partial, b1, 48);
  addPartial(partial, sums);
  addPartial(partial + 32, sums + second);
}

/** Σ and Σ of squares of rows, for batch-norm. `sums` is that of the first channel, `second` lies that many bytes behind. */
export function statisticsRows(y: usize, yRow: usize, rows: i32, width: usize, sums: usize, second: usize): void {
  for (let j: usize = 0; j < width; j += 32) {
    let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0;
    let c0 = a0, c1 = a0, d0 = a0, d1 = a0;
    let at = y + j;
    // Two chains of additions, since one would wait for its own result.
    for (let n = rows >> 1; n > 0; n--) {
      let x0 = v128.load(at), x1 = v128.load(at, 16);
      a0 = f32x4.add(a0, x0); a1 = f32x4.add(a1, x1);
      b0 = f32x4.add(b0, f32x4.mul(x0, x0)); b1 = f32x4.add(b1, f32x4.mul(x1, x1));
      at += yRow;
      x0 = v128.load(at); x1 = v128.load(at, 16);
      c0 = f32x4.add(c0, x0); c1 = f32x4.add(c1, x1);
      d0 = f32x4.add(d0, f32x4.mul(x0, x0)); d1 = f32x4.add(d1, f32x4.mul(x1, x1));
      at += yRow;
    }
    if (rows & 1) {
      const x0 = v128.load(at), x1 = v128.load(at, 16);
      a0 = f32x4.add(a0, x0); a1 = f32x4.add(a1, x1);
      b0 = f32x4.add(b0, f32x4.mul(x0, x0)); b1 = f32x4.add(b1, f32x4.mul(x1, x1));
    }
    addSums(f32x4.add(a0, c0), f32x4.add(a1, c1), f32x4.add(b0, d0), f32x4.add(b1, d1), sums + 2 * j, second);
  }
}

// @ts-ignore: decorator
@inline
function closeLoop(
  g: usize, gRow: usize, more: usize, y: usize, yRow: usize, rows: i32, width: usize, scale: usize, shift: usize, sums: usize, second: usize,
  f: i32, hasMore: bool, isKept: bool,
): void {
  for (let j: usize = 0; j < width; j += 32) {
    const s0 = v128.load(scale + j), s1 = v128.load(scale + j, 16);
    const t0 = v128.load(shift + j), t1 = v128.load(shift + j, 16);
    let m0 = s0, m1 = s1;
    if (hasMore) {
      m0 = v128.load(more + j); m1 = v128.load(more + j, 16);
    }
    let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0;
    let gAt = g + j, yAt = y + j;
    for (let n = rows; n > 0; n--) {
      const y0 = v128.load(yAt), y1 = v128.load(yAt, 16);
      const g0 = hasMore ? f32x4.add(v128.load(gAt), m0) : v128.load(gAt);
      const g1 = hasMore ? f32x4.add(v128.load(gAt, 16), m1) : v128.load(gAt, 16);
      const d0 = slope(f32x4.add(f32x4.mul(y0, s0), t0), g0, f);
      const d1 = slope(f32x4.add(f32x4.mul(y1, s1), t1), g1, f);
      if (isKept) {
        v128.store(gAt, d0); v128.store(gAt, d1, 16);
      }
      a0 = f32x4.add(a0, d0); a1 = f32x4.add(a1, d1);
      b0 = f32x4.add(b0, f32x4.mul(d0, y0)); b1 = f32x4.add(b1, f32x4.mul(d1, y1));
      gAt += gRow;
      yAt += yRow;
    }
    addSums(a0, a1, b0, b1, sums + 2 * j, second);
  }
}

/** Channels `from` and following of a gradient `g`, to each row of which `more` is added. */
// @ts-ignore: decorator
@inline
function closeOf(
  t: Tensor, g: usize, gRow: usize, more: usize, row: i32, rows: i32, from: usize, width: usize, hasMore: bool, isKept: bool,
): void {
  const stride = t.stride;
  const y = t.value + <usize>row * stride + from, scale = t.scale + from, shift = t.shift + from, sums = t.sums + 2 * from;
  const second: usize = 2 * stride;
  switch (t.activation) {
    case RELU: return closeLoop(g, gRow, more, y, stride, rows, width, scale, shift, sums, second, RELU, hasMore, isKept);
    case RELU6: return closeLoop(g, gRow, more, y, stride, rows, width, scale, shift, sums, second, RELU6, hasMore, isKept);
    case HSWISH: return closeLoop(g, gRow, more, y, stride, rows, width, scale, shift, sums, second, HSWISH, hasMore, isKept);
    default: return closeLoop(g, gRow, more, y, stride, rows, width, scale, shift, sums, second, NONE, hasMore, isKept);
  }
}

function closeAlone(t: Tensor, g: usize, gRow: usize, row: i32, rows: i32, from: usize, width: usize): void {
  closeOf(t, g, gRow, 0, row, rows, from, width, false, false);
}

function closeWith(t: Tensor, g: usize, more: usize, row: i32, rows: i32, from: usize, width: usize): void {
  closeOf(t, g, t.stride, more, row, rows, from, width, true, false);
}

/**
 * Σ dz and Σ dz·value of rows whose gradient is complete, for the way back through batch-norm; dz is the gradient
 * before the activation.
 */
export function closeRows(t: Tensor, row: i32, rows: i32, from: usize, width: usize): void {
  if (!t.sums) return;
  const stride = t.stride;
  if (!t.imageGradient) {
    closeAlone(t, t.gradient + <usize>row * stride + from, stride, row, rows, from, width);
    return;
  }
  while (rows > 0) {
    const count = min(t.pixels - row % t.pixels, rows);
    const more = t.imageGradient + <usize>(row / t.pixels) * stride + from;
    if (t.gradient) closeWith(t, t.gradient + <usize>row * stride + from, more, row, count, from, width);
    else closeAlone(t, more, 0, row, count, from, width);
    row += count;
    rows -= count;
  }
}

/** Rows `g` of a gradient become dz, before the activation; their sums are added to those of `t`, which has batch-norm. */
export function maskRows(t: Tensor, row: i32, rows: i32, g: usize, gRow: usize): void {
  closeOf(t, g, gRow, 0, row, rows, 0, t.stride, false, true);
}

export function clearSums(t: Tensor): void {
  if (t.sums) memory.fill(t.sums, 0, 4 * t.stride);
}

/** Column sums of rows, added to `out` (float32). */
export function sumRows(y: usize, yRow: usize, rows: i32, width: usize, out: usize): void {
  for (let j: usize = 0; j < width; j += 32) {
    let a0 = v128.load(out + j), a1 = v128.load(out + j, 16);
    let at = y + j;
    for (let n = rows; n > 0; n--) {
      a0 = f32x4.add(a0, v128.load(at));
      a1 = f32x4.add(a1, v128.load(at, 16));
      at += yRow;
    }
    v128.store(out + j, a0);
    v128.store(out + j, a1, 16);
  }
}
