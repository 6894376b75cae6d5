import { matmul, matmulPacked } from "./matmul";
import {
  addRows, clearSums, closeRows, copyRows, gateRows, isPlain, isPlainGradient, rawGradientRows, statisticsRows, sumRows, viewRows,
} from "./rows";
import { Tensor } from "./tensor";

/*
 * 1×1 convolution and dense layer, by blocks of rows that stay in the cache. Forward: view the block, multiply, sum for
 * batch-norm. Backward, in one pass over memory: view the block again, make the raw gradient, multiply twice, close.
 */

/** `packed`: the weights; `zeros` are as many as `y` has channels; `gate` and `bias` may be null. */
export function pointwiseForward(x: Tensor, gate: usize, packed: usize, bias: usize, y: Tensor, zeros: usize, scratch: usize, blockRows: i32): void {
  const rows = x.rows;
  const depth = x.stride, width = y.stride;
  const init = bias ? bias : zeros;
  clearSums(y);
  for (let row = 0; row < rows; row += blockRows) {
    const count = min(blockRows, rows - row);
    let a = x.value + <usize>row * depth;
    if (gate || !isPlain(x)) {
      a = scratch;
      viewRows(x, row, count, 0, depth, a, depth);
      if (gate) gateRows(changetype<Tensor>(gate), x.pixels, row, count, a, depth);
    }
    const c = y.value + <usize>row * width;
    matmulPacked(count, x.channels, y.channels, a, depth, packed, init, 0, c, width);
    if (y.sums) statisticsRows(c, width, count, width, y.sums, 2 * width);
  }
}

/** Rows that are multiples of 512 bytes apart share an eighth of the first-level cache's sets. */
// @ts-ignore: decorator
@inline
function apart(row: usize): usize {
  return row & 511 ? row : row + 64;
}

/** Through a gate: its gradient is summed over the pixels of an image, the rest goes on. */
function gateBackwardRows(x: Tensor, gate: Tensor, row: i32, rows: i32, viewed: usize, g: usize): void {
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
        v128.store(g + at, f32x4.mul(g0, gate0));
        v128.store(g + at, f32x4.mul(g1, gate1), 16);
        at += width;
      }
      v128.store(sumRow + j, s0);
      v128.store(sumRow + j, s1, 16);
    }
    g += <usize>count * width;
    viewed += <usize>count * width;
    rows -= count;
    image += 1;
    left = pixels;
  }
}

/**
 * Gradients of weights and bias, and of `x` if `transposed` (the weights, [out, in], packed) is given. `accumulate`: another
 * user of `x` has stored a gradient already; `closes`: this one is the last. Scratch is four blocks: one of `x`, one
 * of `y`, two of `x`, each with 4 rows to spare.
 */
export function pointwiseBackward(
  x: Tensor, gate: usize, transposed: usize, dWeight: usize, dBias: usize, y: Tensor, zeros: usize, scratch: usize, blockRows: i32,
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
  if (closes) clearSums(x);

  for (let row = 0; row < rows; row += blockRows) {
    const count = min(blockRows, rows - row);
    let a = x.value + <usize>row * depth, aRow = depth;
    let viewed = a;
    if (gate || !isPlain(x)) {
      a = scratch;
      aRow = depthRow;
      viewRows(x, row, count, 0, depth, a, aRow);
      viewed = a;
      if (gate) {
        // The gate's own gradient needs the values before it.
        viewed = inputBlock + <usize>(blockRows + 4) * depth;
        copyRows(a, aRow, count, depth, viewed, depth);
        gateRows(changetype<Tensor>(gate), x.pixels, row, count, a, aRow);
      }
    }
    let g = y.gradient + <usize>row * width, gRow = width;
    if (!isPlainGradient(y)) {
      g = gradientBlock;
      gRow = widthRow;
      rawGradientRows(y, row, count, 0, width, g, gRow);
    }
    matmul(x.channels, count, y.channels, a, 4, aRow, g, gRow, dWeight, width, dWeight, width);
    if (dBias) sumRows(g, gRow, count, width, dBias);
    if (!transposed) continue;

    const to = x.gradient + <usize>row * depth;
    const isDirect = !gate && !accumulate;
    const c = isDirect ? to : inputBlock;
    matmulPacked(count, y.channels, x.channels, g, gRow, transposed, zeros, 0, c, depth);
    if (gate) gateBackwardRows(x, changetype<Tensor>(gate), row, count, viewed, c);
    if (!isDirect) {
      if (accumulate) addRows(c, depth, count, depth, to, depth);
      else memory.copy(to, c, <usize>count * depth);
    }
    if (closes) closeRows(x, row, count, 0, depth, scratch);
  }
}
