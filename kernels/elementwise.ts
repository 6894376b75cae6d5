import { sigmoid } from "./activation";
import { rawGradientRows } from "./gradient";
import { addRows, giveRows } from "./rows";
import { addSums, clearSums, closeRows, statisticsRows } from "./sums";
import { Tensor } from "./tensor";
import { gatedRows, viewRows } from "./view";

/** Rows per block: 64 rows of 100 channels are 25 KB. */
const BLOCK: i32 = 64;

/** y = what `x` shows, with channels cut or padded with zeros. Scratch: one block of `x`. */
export function copyForward(x: Tensor, y: Tensor, channels: i32, scratch: usize): void {
  const rows = x.rows;
  const fits = x.channels == y.channels && channels == x.channels;
  const kept = (<usize>channels) << 2;
  clearSums(y);
  for (let row = 0; row < rows; row += BLOCK) {
    const count = min(BLOCK, rows - row);
    let to = y.value + <usize>row * y.stride;
    if (fits) viewRows(x, row, count, 0, x.stride, to, y.stride);
    else {
      viewRows(x, row, count, 0, x.stride, scratch, x.stride);
      let from = scratch;
      for (let n = count; n > 0; n--) {
        memory.copy(to, from, kept);
        memory.fill(to + kept, 0, y.stride - kept);
        from += x.stride;
        to += y.stride;
      }
      to = y.value + <usize>row * y.stride;
    }
    if (y.sums) statisticsRows(to, y.stride, count, y.stride, y.sums, 2 * y.stride);
  }
}

/** Scratch: one block of `y` and one of `x`. */
export function copyBackward(x: Tensor, y: Tensor, channels: i32, scratch: usize, accumulate: i32, closes: i32): void {
  const rows = x.rows;
  const fits = x.channels == y.channels && channels == x.channels;
  const kept = (<usize>channels) << 2;
  const fitted = scratch + <usize>BLOCK * y.stride;
  if (closes) clearSums(x);
  for (let row = 0; row < rows; row += BLOCK) {
    const count = min(BLOCK, rows - row);
    const to = x.gradient + <usize>row * x.stride;
    rawGradientRows(y, row, count, 0, y.stride, scratch, y.stride);
    if (fits) giveRows(scratch, y.stride, count, x.stride, to, x.stride, accumulate);
    else {
      let from = scratch,
        at = fitted;
      for (let n = count; n > 0; n--) {
        memory.copy(at, from, kept);
        memory.fill(at + kept, 0, x.stride - kept);
        from += y.stride;
        at += x.stride;
      }
      giveRows(fitted, x.stride, count, x.stride, to, x.stride, accumulate);
    }
    if (closes) closeRows(x, row, count, 0, x.stride);
  }
}

/** y = a + b. Scratch: one block. */
export function addForward(a: Tensor, b: Tensor, y: Tensor, scratch: usize): void {
  const rows = y.rows;
  const width = y.stride;
  clearSums(y);
  for (let row = 0; row < rows; row += BLOCK) {
    const count = min(BLOCK, rows - row);
    const to = y.value + <usize>row * width;
    viewRows(a, row, count, 0, width, to, width);
    viewRows(b, row, count, 0, width, scratch, width);
    addRows(scratch, width, count, width, to, width);
    if (y.sums) statisticsRows(to, width, count, width, y.sums, 2 * width);
  }
}

/** y = x × gate, the gate being [batch, 1, 1, channels]. */
export function scaleForward(x: Tensor, gate: Tensor, y: Tensor): void {
  const rows = x.rows;
  clearSums(y);
  for (let row = 0; row < rows; row += BLOCK) {
    const count = min(BLOCK, rows - row);
    const to = y.value + <usize>row * y.stride;
    gatedRows(x, gate, row, count, to, y.stride);
    if (y.sums) statisticsRows(to, y.stride, count, y.stride, y.sums, 2 * y.stride);
  }
}

/** Scratch: two rows. */
export function scaleBackward(x: Tensor, gate: Tensor, y: Tensor, scratch: usize, accumulate: i32, closes: i32): void {
  const rows = x.rows;
  const width = x.stride;
  const viewed = scratch + width;
  memory.fill(gate.gradient, 0, <usize>gate.batch * width);
  if (closes) clearSums(x);
  for (let row = 0; row < rows; row++) {
    const image = <usize>(row / x.pixels) * width;
    rawGradientRows(y, row, 1, 0, width, scratch, width);
    viewRows(x, row, 1, 0, width, viewed, width);
    for (let j: usize = 0; j < width; j += 16) {
      const g = v128.load(scratch + j);
      const sum = gate.gradient + image + j;
      v128.store(sum, f32x4.add(v128.load(sum), f32x4.mul(g, v128.load(viewed + j))));
      v128.store(scratch + j, f32x4.mul(g, v128.load(gate.value + image + j)));
    }
    giveRows(scratch, width, 1, width, x.gradient + <usize>row * width, width, accumulate);
  }
  if (closes) closeGradient(x);
}

/** Sums for batch-norm over a gradient that its last contributor could not close. */
export function closeGradient(x: Tensor): void {
  const rows = x.rows;
  clearSums(x);
  for (let row = 0; row < rows; row += BLOCK) closeRows(x, row, min(BLOCK, rows - row), 0, x.stride);
}

/** Adds to the sums of `x` what the part of its gradient that is the same for all pixels of an image gives; the others are taken. */
export function closeImages(x: Tensor): void {
  const width = x.stride;
  const second = <usize>x.batch * width;
  for (let j: usize = 0; j < width; j += 32) {
    let a0 = f32x4.splat(0),
      a1 = a0,
      b0 = a0,
      b1 = a0;
    let g = x.imageGradient + j,
      slopes = x.slopes + j;
    for (let image = x.batch; image > 0; image--) {
      const g0 = v128.load(g),
        g1 = v128.load(g, 16);
      a0 = f32x4.add(a0, f32x4.mul(g0, v128.load(slopes)));
      a1 = f32x4.add(a1, f32x4.mul(g1, v128.load(slopes, 16)));
      b0 = f32x4.add(b0, f32x4.mul(g0, v128.load(slopes + second)));
      b1 = f32x4.add(b1, f32x4.mul(g1, v128.load(slopes + second, 16)));
      g += width;
      slopes += width;
    }
    addSums(a0, a1, b0, b1, x.sums + 2 * j, 2 * width);
  }
}

/** Padding stays 0, though the logistic function of 0 is not. */
export function sigmoidForward(x: Tensor, y: Tensor, channels: i32): void {
  const rows = x.rows;
  for (let row = 0; row < rows; row++) {
    const to = y.value + <usize>row * y.stride;
    viewRows(x, row, 1, 0, x.stride, to, y.stride);
    for (let j: usize = 0; j < y.stride; j += 16) v128.store(to + j, sigmoid(v128.load(to + j)));
    memory.fill(to + ((<usize>channels) << 2), 0, y.stride - ((<usize>channels) << 2));
  }
}

/** Scratch: one row, or one block if it closes. */
export function sigmoidBackward(x: Tensor, y: Tensor, scratch: usize, accumulate: i32, closes: i32): void {
  const rows = x.rows;
  for (let row = 0; row < rows; row++) {
    rawGradientRows(y, row, 1, 0, y.stride, scratch, y.stride);
    const value = y.value + <usize>row * y.stride;
    for (let j: usize = 0; j < y.stride; j += 16) {
      const s = v128.load(value + j);
      v128.store(scratch + j, f32x4.mul(v128.load(scratch + j), f32x4.mul(s, f32x4.sub(f32x4.splat(1), s))));
    }
    giveRows(scratch, y.stride, 1, x.stride, x.gradient + <usize>row * x.stride, x.stride, accumulate);
  }
  if (closes) closeGradient(x);
}

/** Murmur's finalizer: a random word for each position, the same in any order of work. */
function scramble(x: u32): u32 {
  x = (x ^ (x >> 16)) * 0x85ebca6b;
  x = (x ^ (x >> 13)) * 0xc2b2ae35;
  return x ^ (x >> 16);
}

/** y = x, a share `rate` of the values dropped, the others scaled up; the word at `seedAt` differs from step to step. */
export function dropoutForward(x: Tensor, y: Tensor, mask: usize, rate: f32, seedAt: usize): void {
  const seed = load<u32>(seedAt);
  const rows = x.rows;
  const limit = <u32>(<f64>rate * 4294967296.0);
  const keep: f32 = 1 / (1 - rate);
  viewRows(x, 0, rows, 0, x.stride, y.value, y.stride);
  const count: u32 = <u32>rows * x.channels;
  for (let i: u32 = 0; i < count; i++) {
    const at = (<usize>i) << 2;
    const factor: f32 = scramble(scramble(i ^ seed) + seed) < limit ? 0 : keep;
    store<f32>(mask + at, factor);
    store<f32>(y.value + at, load<f32>(y.value + at) * factor);
  }
}

/** Scratch: one block. */
export function dropoutBackward(x: Tensor, y: Tensor, mask: usize, scratch: usize, accumulate: i32, closes: i32): void {
  const rows = x.rows;
  for (let row = 0; row < rows; row++) {
    rawGradientRows(y, row, 1, 0, y.stride, scratch, y.stride);
    const line = mask + <usize>row * y.stride;
    for (let j: usize = 0; j < y.stride; j += 16)
      v128.store(scratch + j, f32x4.mul(v128.load(scratch + j), v128.load(line + j)));
    giveRows(scratch, y.stride, 1, x.stride, x.gradient + <usize>row * x.stride, x.stride, accumulate);
  }
  if (closes) closeGradient(x);
}
