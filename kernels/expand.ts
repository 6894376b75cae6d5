import { Window } from "./conv";
import { backwardBand, gradientBytes, viewBytes } from "./depthwise";
import { matmul, matmulPacked } from "./matmul";
import { Norm } from "./norm";
import { addRows, clearSums, closeRows, isPlain, maskRows, sumRows, viewRows } from "./rows";
import { apart, Tensor } from "./tensor";

/*
 * The way back through a depthwise convolution, and the activation, batch-norm and 1×1 convolution before it, without
 * storing the gradient in between, which is the largest of a block. Batch-norm's way back is
 * `raw = dz·p + x·q + r` per channel, of which q and r are known only when the sums over the whole batch are. But
 * x = s·W is linear in its source s, so
 *
 *   dW = sᵀ·raw = (sᵀ·dz)·p + (sᵀ·s)·W·q + Σs·r      and      ds = raw·Wᵀ = dz·(p·Wᵀ) + s·(W·q·Wᵀ) + r·Wᵀ
 *
 * where sᵀ·dz, sᵀ·s, Σs and dz·(p·Wᵀ) are made on the way and the rest, which is as wide as s only, afterwards.
 */

/** `scaled` [channels, source channels], packed = transposed weights times p, which the way forward decides. */
export function expandPrepare(source: Tensor, x: Tensor, n: Norm, transposed: usize, scaled: usize): void {
  const panel = x.stride << 4;
  for (let c: usize = 0; c < x.stride; c += 4) {
    const p = f32x4.splat(load<f32>(n.gamma + c) * load<f32>(n.inverse + c));
    for (let j: usize = 0; j < source.stride; j += 16) {
      v128.store(scaled + (j >> 6) * panel + (j & 63), f32x4.mul(v128.load(transposed + j), p));
    }
    transposed += source.stride;
    scaled += 64;
  }
}

/** Adds sᵀ·s, which is symmetric: of each 16 columns only the rows down to their own, in fours. */
function addGram(rows: i32, channels: i32, s: usize, depth: usize, gram: usize): void {
  for (let column = 0; column < channels; column += 16) {
    const width = min(16, channels - column), at = (<usize>column) << 2;
    matmul(column + width, rows, width, s, 4, depth, s + at, depth, gram + at, depth, gram + at, depth);
  }
}

/** Fills in what `addGram` left out. */
function mirror(channels: i32, depth: usize, gram: usize): void {
  for (let i = 16; i < channels; i++) {
    for (let j = 0; j < (i & ~15); j++) {
      store<f32>(gram + <usize>i * depth + ((<usize>j) << 2), load<f32>(gram + <usize>j * depth + ((<usize>i) << 2)));
    }
  }
}

/**
 * Rows of all channels, `band` at a time. `gram` gets the upper half of sᵀ·s and below it Σs; `dExpand` sᵀ·dz. Scratch:
 * bands of `x`, of the gradient of `y`, again of `x`, and two of `source`, each with 4 pixels to spare.
 */
export function expandBackward(
  source: Tensor, x: Tensor, w: Window, weight: usize, dWeight: usize, y: Tensor, scaled: usize, dExpand: usize, gram: usize,
  zeros: usize, scratch: usize, band: i32, accumulate: i32,
): void {
  const bytes = x.stride, depth = source.stride, pixel = apart(bytes);
  const gradient = scratch + viewBytes(w, band, bytes);
  const given = gradient + gradientBytes(w, y, band, bytes);
  const pixels = <usize>(band * x.width + 4);
  const viewed = given + pixels * pixel;
  const result = viewed + pixels * depth;
  const sums = gram + <usize>source.channels * depth;
  memory.fill(dWeight, 0, <usize>(w.kernel * w.kernel) * y.stride);
  memory.fill(dExpand, 0, <usize>source.channels * bytes);
  memory.fill(gram, 0, <usize>(source.channels + 1) * depth);
  memory.fill(scratch, 0, given - scratch);
  clearSums(x);
  for (let image = 0; image < x.batch; image++) {
    for (let top = 0; top < x.height; top += band) {
      const end = min(x.height, top + band);
      const row = image * x.pixels + top * x.width, rows = (end - top) * x.width;
      backwardBand(x, w, weight, dWeight, y, zeros, image, top, end, 0, bytes, scratch, gradient, given);
      maskRows(x, row, rows, given, pixel);
      let s = source.value + <usize>row * depth;
      if (!isPlain(source)) {
        s = viewed;
        viewRows(source, row, rows, 0, depth, s, depth);
      }
      matmul(source.channels, rows, x.channels, s, 4, depth, given, pixel, dExpand, bytes, dExpand, bytes);
      addGram(rows, source.channels, s, depth, gram);
      sumRows(s, depth, rows, depth, sums);
      const to = source.gradient + <usize>row * depth;
      const c = accumulate ? result : to;
      matmulPacked(rows, x.channels, source.channels, given, pixel, scaled, zeros, 0, c, depth);
      if (accumulate) addRows(c, depth, rows, depth, to, depth);
    }
  }
}

/**
 * What needed p, q and r of `x`. Scratch: [channels, source channels], [source channels, channels] and [source channels,
 * source channels + 1], and two blocks of `source` with 4 rows to spare.
 */
export function expandFinish(
  source: Tensor, x: Tensor, weight: usize, transposed: usize, dExpand: usize, gram: usize, zeros: usize, scratch: usize, blockRows: i32,
  closes: i32,
): void {
  const bytes = x.stride, depth = source.stride;
  const sums = gram + <usize>source.channels * depth;
  const scaled = scratch;
  const product = scaled + <usize>x.channels * depth;
  const mix = product + <usize>source.channels * bytes;
  const shift = mix + <usize>source.channels * depth;
  const viewed = shift + depth;
  const result = viewed + <usize>(blockRows + 4) * depth;

  memory.fill(shift, 0, depth);
  for (let c: usize = 0; c < bytes; c += 4) {
    const q = f32x4.splat(load<f32>(x.q + c)), r = f32x4.splat(load<f32>(x.r + c));
    const from = transposed + (c >> 2) * depth, to = scaled + (c >> 2) * depth;
    for (let j: usize = 0; j < depth; j += 16) {
      const t = v128.load(from + j);
      v128.store(to + j, f32x4.mul(t, q));
      v128.store(shift + j, f32x4.add(v128.load(shift + j), f32x4.mul(t, r)));
    }
  }
  matmul(source.channels, x.channels, source.channels, weight, bytes, 4, scaled, depth, zeros, 0, mix, depth);
  mirror(source.channels, depth, gram);
  matmul(source.channels, source.channels, x.channels, gram, depth, 4, weight, bytes, zeros, 0, product, bytes);
  for (let i = 0; i < source.channels; i++) {
    const sum = f32x4.splat(load<f32>(sums + ((<usize>i) << 2)));
    const at = dExpand + <usize>i * bytes, from = product + <usize>i * bytes;
    for (let j: usize = 0; j < bytes; j += 16) {
      const own = f32x4.mul(v128.load(at + j), v128.load(x.p + j));
      const rest = f32x4.add(f32x4.mul(v128.load(from + j), v128.load(x.q + j)), f32x4.mul(sum, v128.load(x.r + j)));
      v128.store(at + j, f32x4.add(own, rest));
    }
  }

  if (closes) clearSums(source);
  for (let row = 0; row < source.rows; row += blockRows) {
    const count = min(blockRows, source.rows - row);
    let s = source.value + <usize>row * depth;
    if (!isPlain(source)) {
      s = viewed;
      viewRows(source, row, count, 0, depth, s, depth);
    }
    matmul(count, source.channels, source.channels, s, depth, 4, mix, depth, shift, 0, result, depth);
    addRows(result, depth, count, depth, source.gradient + <usize>row * depth, depth);
    if (closes) closeRows(source, row, count, 0, depth, viewed);
  }
}
