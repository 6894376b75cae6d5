import { slope } from "./activation";
import { HSWISH, NONE, RELU, RELU6, Tensor } from "./tensor";

/*
 * Sums over some rows (pixels) of each channel, taken just after values were written, while they are in the cache.
 */

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
