import { activate, slope } from "./activation";
import { isPlainGradient, rawGradientRows } from "./gradient";
import { matmul, matmulPacked } from "./matmul";
import { addRows } from "./rows";
import { addSums, clearSums, closeRows, statisticsRows, sumRows } from "./sums";
import { apart, HSWISH, NONE, RELU, RELU6, Tensor } from "./tensor";
import { gatedRows, isPlain, viewRows } from "./view";

/*
 * 1×1 convolution and dense layer, by blocks of rows that stay in the cache. Forward: view the block, multiply, sum for
 * batch-norm. Backward, in one pass over memory: view the block again, make the raw gradient, multiply twice, close.
 */

/** `count` rows of `y` from `row` on; `init` is the bias or zeros. Scratch: as many rows of `x`. */
// @ts-ignore: decorator
@inline
export function multiplyRows(x: Tensor, gate: usize, packed: usize, init: usize, y: Tensor, scratch: usize, row: i32, count: i32): void {
  const depth = x.stride;
  let a = x.value + <usize>row * depth;
  if (gate || !isPlain(x)) {
    a = scratch;
    if (gate) gatedRows(x, changetype<Tensor>(gate), row, count, a, depth);
    else viewRows(x, row, count, 0, depth, a, depth);
  }
  matmulPacked(count, x.channels, y.channels, a, depth, packed, init, 0, y.value + <usize>row * y.stride, y.stride);
}

/** `packed`: the weights; `zeros` are as many as `y` has channels; `gate` and `bias` may be null. */
export function pointwiseForward(x: Tensor, gate: usize, packed: usize, bias: usize, y: Tensor, zeros: usize, scratch: usize, blockRows: i32): void {
  const width = y.stride;
  clearSums(y);
  for (let row = 0; row < x.rows; row += blockRows) {
    const count = min(blockRows, x.rows - row);
    multiplyRows(x, gate, packed, bias ? bias : zeros, y, scratch, row, count);
    if (y.sums) statisticsRows(y.value + <usize>row * width, width, count, width, y.sums, 2 * width);
  }
}

// @ts-ignore: decorator
@inline
function gateBesideLoop(x: Tensor, gate: Tensor, row: i32, rows: i32, g: usize, out: usize, f: i32): void {
  const width = x.stride;
  const second = <usize>x.batch * width;
  while (rows > 0) {
    const count = min(x.pixels - row % x.pixels, rows);
    const image = <usize>(row / x.pixels) * width;
    const y = x.value + <usize>row * width;
    const slopes = x.slopes + image, gateRow = gate.value + image, sumRow = gate.gradient + image;
    for (let j: usize = 0; j < width; j += 32) {
      const s0 = v128.load(x.scale + j), s1 = v128.load(x.scale + j, 16);
      const t0 = v128.load(x.shift + j), t1 = v128.load(x.shift + j, 16);
      const gate0 = v128.load(gateRow + j), gate1 = v128.load(gateRow + j, 16);
      let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0;
      let c0 = v128.load(slopes + j), c1 = v128.load(slopes + j, 16);
      let d0 = v128.load(slopes + second + j), d1 = v128.load(slopes + second + j, 16);
      let e0 = v128.load(sumRow + j), e1 = v128.load(sumRow + j, 16);
      let at = j;
      for (let n = count; n > 0; n--) {
        const y0 = v128.load(y + at), y1 = v128.load(y + at, 16);
        const u0 = f32x4.add(f32x4.mul(y0, s0), t0), u1 = f32x4.add(f32x4.mul(y1, s1), t1);
        const g0 = v128.load(g + at), g1 = v128.load(g + at, 16);
        e0 = f32x4.add(e0, f32x4.mul(g0, activate(u0, f))); e1 = f32x4.add(e1, f32x4.mul(g1, activate(u1, f)));
        const h0 = f32x4.mul(g0, gate0), h1 = f32x4.mul(g1, gate1);
        v128.store(out + at, h0); v128.store(out + at, h1, 16);
        const m0 = slope(u0, f32x4.splat(1), f), m1 = slope(u1, f32x4.splat(1), f);
        const z0 = slope(u0, h0, f), z1 = slope(u1, h1, f);
        a0 = f32x4.add(a0, z0); a1 = f32x4.add(a1, z1);
        b0 = f32x4.add(b0, f32x4.mul(z0, y0)); b1 = f32x4.add(b1, f32x4.mul(z1, y1));
        c0 = f32x4.add(c0, m0); c1 = f32x4.add(c1, m1);
        d0 = f32x4.add(d0, f32x4.mul(m0, y0)); d1 = f32x4.add(d1, f32x4.mul(m1, y1));
        at += width;
      }
      v128.store(slopes + j, c0); v128.store(slopes + j, c1, 16);
      v128.store(slopes + second + j, d0); v128.store(slopes + second + j, d1, 16);
      v128.store(sumRow + j, e0); v128.store(sumRow + j, e1, 16);
      addSums(a0, a1, b0, b1, x.sums + 2 * j, 2 * width);
    }
    g += <usize>count * width;
    out += <usize>count * width;
    row += count;
    rows -= count;
  }
}

/**
 * Through a gate, as `gateBackwardRows`, and closes, as `closeRows` does, a gradient of which a part that is the same for all
 * pixels of an image will come later: what that part is multiplied with is kept for each image.
 */
function gateBesideRows(x: Tensor, gate: Tensor, row: i32, rows: i32, g: usize, out: usize): void {
  switch (x.activation) {
    case RELU: return gateBesideLoop(x, gate, row, rows, g, out, RELU);
    case RELU6: return gateBesideLoop(x, gate, row, rows, g, out, RELU6);
    case HSWISH: return gateBesideLoop(x, gate, row, rows, g, out, HSWISH);
    default: return gateBesideLoop(x, gate, row, rows, g, out, NONE);
  }
}

/** Through a gate: its gradient is summed over the pixels of an image, the rest goes to `out`. */
function gateBackwardRows(x: Tensor, gate: Tensor, row: i32, rows: i32, viewed: usize, g: usize, out: usize): void {
  const pixels = x.pixels;
  const width = x.stride;
  let image = row / pixels;
  let left = pixels - row % pixels;
  while (rows > 0) {
    const count = min(left, rows);
    const gateRow = gate.value + <usize>image * width;
    const sumRow = gate.gradient + <usize>image * width;
    for (let j: usize = 0; j < width; j += 32) {
      const gate0 = v128.load(gateRow + j), gate1 = v128.load(gateRow + j, 16);
      let s0 = v128.load(sumRow + j), s1 = v128.load(sumRow + j, 16);
      let at = j;
      for (let n = count; n > 0; n--) {
        const g0 = v128.load(g + at), g1 = v128.load(g + at, 16);
        s0 = f32x4.add(s0, f32x4.mul(g0, v128.load(viewed + at)));
        s1 = f32x4.add(s1, f32x4.mul(g1, v128.load(viewed + at, 16)));
        v128.store(out + at, f32x4.mul(g0, gate0));
        v128.store(out + at, f32x4.mul(g1, gate1), 16);
        at += width;
      }
      v128.store(sumRow + j, s0);
      v128.store(sumRow + j, s1, 16);
    }
    g += <usize>count * width;
    out += <usize>count * width;
    viewed += <usize>count * width;
    rows -= count;
    image += 1;
    left = pixels;
  }
}

/**
 * Gradients of weights and bias, and of `x` if `packedTransposed` (the weights, [out, in]) is given. `accumulate`: another
 * user of `x` has stored a gradient already; `closes`: this one is the last. Scratch is three blocks: one of `x`
 * and one of `y`, with rows that are `apart`, and one of `x`, each with 4 rows to spare.
 */
export function pointwiseBackward(
  x: Tensor, gate: usize, packedTransposed: usize, dWeight: usize, dBias: usize, y: Tensor, zeros: usize, scratch: usize, blockRows: i32,
  accumulate: i32, closes: i32,
): void {
  const rows = x.rows;
  const depth = x.stride, width = y.stride;
  const depthRow = apart(depth), widthRow = apart(width);
  const gradientBlock = scratch + <usize>(blockRows + 4) * depthRow;
  const inputBlock = gradientBlock + <usize>(blockRows + 4) * widthRow;
  memory.fill(dWeight, 0, <usize>x.channels * width);
  if (dBias) memory.fill(dBias, 0, width);
  if (gate) memory.fill(changetype<Tensor>(gate).gradient, 0, <usize>x.batch * depth);
  if (closes || x.slopes) clearSums(x);
  if (x.slopes) memory.fill(x.slopes, 0, 2 * <usize>x.batch * depth);

  for (let row = 0; row < rows; row += blockRows) {
    const count = min(blockRows, rows - row);
    let a = x.value + <usize>row * depth, aRow = depth;
    if (gate || !isPlain(x)) {
      a = scratch;
      aRow = depthRow;
      if (gate) gatedRows(x, changetype<Tensor>(gate), row, count, a, aRow);
      else viewRows(x, row, count, 0, depth, a, aRow);
    }
    let g = y.gradient + <usize>row * width, gRow = width;
    if (!isPlainGradient(y)) {
      g = gradientBlock;
      gRow = widthRow;
      rawGradientRows(y, row, count, 0, width, g, gRow);
    }
    matmul(x.channels, count, y.channels, a, 4, aRow, g, gRow, dWeight, width, dWeight, width);
    if (dBias) sumRows(g, gRow, count, width, dBias);
    if (!packedTransposed) continue;

    const to = x.gradient + <usize>row * depth;
    const c = gate || accumulate ? inputBlock : to;
    matmulPacked(count, y.channels, x.channels, g, gRow, packedTransposed, zeros, 0, c, depth);
    if (x.slopes) {
      gateBesideRows(x, changetype<Tensor>(gate), row, count, c, to);
      continue;
    }
    if (gate) {
      // Its own gradient needs the values before it.
      viewRows(x, row, count, 0, depth, scratch, depth);
      gateBackwardRows(x, changetype<Tensor>(gate), row, count, scratch, c, accumulate ? c : to);
    }
    if (accumulate) addRows(c, depth, count, depth, to, depth);
    if (closes) closeRows(x, row, count, 0, depth);
  }
}
