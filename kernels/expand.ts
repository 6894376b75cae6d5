import { Window } from "./conv";
import { backwardBand, forwardBand, forwardBytes, gradientBytes, viewBytes } from "./depthwise";
import { matmul, matmulPacked } from "./matmul";
import { Norm } from "./norm";
import { multiplyRows } from "./pointwise";
import { addRows } from "./rows";
import { clearSums, closeRows, maskRows, sumRows } from "./sums";
import { apart, Tensor } from "./tensor";
import { readRows } from "./view";

/*
 * A 1×1 convolution x = s·W with batch-norm and activation, and the depthwise convolution behind it, which is its only user: the
 * widest values of a block.
 *
 * Forward. What batch-norm needs of x follows from its narrow source: the mean is μ·W and the variance the diagonal of Wᵀ·C·W,
 * with the mean and the covariance C of s. So rows of x are made when the depthwise convolution is about to read them, and
 * are still in the cache then.
 *
 * Backward. The gradient between the two is not stored. Batch-norm's way back is `raw = dz·p + x·q + r` per channel, of which q
 * and r are known only when the sums over the whole batch are. But since x is linear in s,
 *
 *   dW = sᵀ·raw = (sᵀ·dz)·p + (sᵀ·s)·W·q + Σs·r      and      ds = raw·Wᵀ = dz·(p·Wᵀ) + s·(W·q·Wᵀ) + r·Wᵀ
 *
 * where sᵀ·dz and dz·(p·Wᵀ) are made on the way and the rest, which is as wide as s only, afterwards. With n rows
 * (sᵀ·s)·W = n·C·W + Σs·mean, and r + mean·q = -p·Σdz/n.
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

/** After so many rows, at least, the float32 sums of sᵀ·s are added to float64 ones. */
const GRAM_ROWS: i32 = 1024;

/** Adds sᵀ·s, which is symmetric: of each 16 columns only the rows down to their own, in fours; below it Σs. */
function addGram(rows: i32, channels: i32, s: usize, depth: usize, gram: usize): void {
  for (let column = 0; column < channels; column += 16) {
    const width = min(16, channels - column),
      at = (<usize>column) << 2;
    matmul(column + width, rows, width, s, 4, depth, s + at, depth, gram + at, depth, gram + at, depth);
  }
  sumRows(s, depth, rows, depth, gram + <usize>channels * depth);
}

/** Adds float32 sums to float64 ones, and clears them. */
function moveSums(from: usize, bytes: usize, to: usize): void {
  for (let i: usize = 0; i < bytes; i += 8) {
    v128.store(to + 2 * i, f64x2.add(v128.load(to + 2 * i), f64x2.promote_low_f32x4(v128.load64_zero(from + i))));
  }
  memory.fill(from, 0, bytes);
}

/**
 * The sums of `x` for batch-norm, before `x` is made. `kept`, for the way back, gets C·W [source channels, channels] and below
 * it Σs. Scratch: sᵀ·s and Σs [source channels + 1, source channels] in float32 and in float64, and a block of `source`.
 */
export function expandStatistics(
  source: Tensor,
  x: Tensor,
  weight: usize,
  kept: usize,
  zeros: usize,
  scratch: usize,
  blockRows: i32,
): void {
  const channels = source.channels,
    depth = source.stride,
    bytes = x.stride;
  const size = <usize>(channels + 1) * depth;
  const exact = scratch + size;
  const viewed = exact + 2 * size;
  memory.fill(scratch, 0, 3 * size);
  let pending = 0;
  for (let row = 0; row < source.rows; row += blockRows) {
    const count = min(blockRows, source.rows - row);
    const s = readRows(source, row, count, viewed);
    addGram(count, channels, s, depth, scratch);
    pending += count;
    if (pending < GRAM_ROWS) continue;
    moveSums(scratch, size, exact);
    pending = 0;
  }
  moveSums(scratch, size, exact);

  const n = <f64>source.rows;
  const covariance = scratch;
  const sums = exact + 2 * <usize>channels * depth;
  const keptSums = kept + <usize>channels * bytes;
  for (let i = 0; i < channels; i++) {
    const own = load<f64>(sums + ((<usize>i) << 3));
    store<f32>(keptSums + ((<usize>i) << 2), <f32>own);
    for (let j = 0; j < channels; j++) {
      // `addGram` makes only one of the two where they are in different sixteens.
      const at = i <= (j | 15) ? i * channels + j : j * channels + i;
      const both = own * load<f64>(sums + ((<usize>j) << 3));
      const sum = load<f64>(exact + ((<usize>at) << 3));
      store<f32>(covariance + ((<usize>(i * channels + j)) << 2), <f32>((sum - both / n) / n));
    }
  }
  matmul(channels, channels, x.channels, covariance, depth, 4, weight, bytes, zeros, 0, kept, bytes);
  for (let c: usize = 0; c < bytes; c += 8) {
    let sum = f64x2.splat(0),
      variance = sum;
    let at = c;
    for (let i = 0; i < channels; i++) {
      const v = f64x2.promote_low_f32x4(v128.load64_zero(weight + at));
      sum = f64x2.add(sum, f64x2.mul(v, f64x2.splat(load<f64>(sums + ((<usize>i) << 3)))));
      variance = f64x2.add(variance, f64x2.mul(v, f64x2.promote_low_f32x4(v128.load64_zero(kept + at))));
      at += bytes;
    }
    const count = f64x2.splat(n);
    v128.store(x.sums + 2 * c, sum);
    v128.store(
      x.sums + 2 * bytes + 2 * c,
      f64x2.add(f64x2.mul(variance, count), f64x2.div(f64x2.mul(sum, sum), count)),
    );
  }
}

/**
 * `x` and `y`, `band` rows of `y` at a time. Scratch: bands of `x` and `y` as `forwardBand` needs them, and a block of
 * `source`.
 */
export function expandForward(
  source: Tensor,
  x: Tensor,
  packed: usize,
  w: Window,
  weight: usize,
  y: Tensor,
  zeros: usize,
  scratch: usize,
  blockRows: i32,
  band: i32,
): void {
  const bytes = x.stride;
  const out = scratch + forwardBytes(w, band, bytes);
  const viewed = out + <usize>(band * y.width) * bytes;
  memory.fill(scratch, 0, out - scratch);
  clearSums(y);
  for (let image = 0; image < x.batch; image++) {
    let row = image * x.pixels;
    for (let top = 0; top < y.height; top += band) {
      const rows = min(band, y.height - top);
      // All that is left with the last band, since the way back reads rows too that no window reaches.
      const reached = top + rows < y.height ? (top + rows - 1) * w.stride - w.top + w.kernel : x.height;
      const end = image * x.pixels + min(x.height, reached) * x.width;
      while (row < end) {
        const count = min(blockRows, end - row);
        multiplyRows(source, 0, packed, zeros, x, viewed, row, count);
        row += count;
      }
      forwardBand(x, w, weight, y, zeros, image, top, rows, 0, bytes, scratch, out);
    }
  }
}

/**
 * Rows of all channels, `band` at a time. `dExpand` gets sᵀ·dz. Scratch: bands of `x`, of the gradient of `y`, again of `x`, and
 * two of `source`, each with 4 pixels to spare.
 */
export function expandBackward(
  source: Tensor,
  x: Tensor,
  w: Window,
  weight: usize,
  dWeight: usize,
  y: Tensor,
  scaled: usize,
  dExpand: usize,
  zeros: usize,
  scratch: usize,
  band: i32,
  accumulate: i32,
): void {
  const bytes = x.stride,
    depth = source.stride,
    pixel = apart(bytes);
  const gradient = scratch + viewBytes(w, band, bytes);
  const given = gradient + gradientBytes(w, y, band, bytes);
  const pixels = <usize>(band * x.width + 4);
  const viewed = given + pixels * pixel;
  const result = viewed + pixels * depth;
  memory.fill(dWeight, 0, <usize>(w.kernel * w.kernel) * y.stride);
  memory.fill(dExpand, 0, <usize>source.channels * bytes);
  memory.fill(scratch, 0, given - scratch);
  clearSums(x);
  for (let image = 0; image < x.batch; image++) {
    for (let top = 0; top < x.height; top += band) {
      const end = min(x.height, top + band);
      const row = image * x.pixels + top * x.width,
        rows = (end - top) * x.width;
      backwardBand(x, w, weight, dWeight, y, zeros, image, top, end, 0, bytes, scratch, gradient, given, pixel);
      maskRows(x, row, rows, given, pixel);
      const s = readRows(source, row, rows, viewed);
      matmul(source.channels, rows, x.channels, s, 4, depth, given, pixel, dExpand, bytes, dExpand, bytes);
      const to = source.gradient + <usize>row * depth;
      const c = accumulate ? result : to;
      matmulPacked(rows, x.channels, source.channels, given, pixel, scaled, zeros, 0, c, depth);
      if (accumulate) addRows(c, depth, rows, depth, to, depth);
    }
  }
}

/**
 * What needed p, q and r of `x`. Scratch: [channels, source channels] and [source channels + 1, source channels], and two
 * blocks of `source` with 4 rows to spare.
 */
export function expandFinish(
  source: Tensor,
  x: Tensor,
  weight: usize,
  transposed: usize,
  dExpand: usize,
  kept: usize,
  zeros: usize,
  scratch: usize,
  blockRows: i32,
  closes: i32,
): void {
  const bytes = x.stride,
    depth = source.stride;
  const scaled = scratch;
  const mix = scaled + <usize>x.channels * depth;
  const shift = mix + <usize>source.channels * depth;
  const viewed = shift + depth;
  const result = viewed + <usize>(blockRows + 4) * depth;

  memory.fill(shift, 0, depth);
  for (let c: usize = 0; c < bytes; c += 4) {
    const q = f32x4.splat(load<f32>(x.q + c)),
      r = f32x4.splat(load<f32>(x.r + c));
    const from = transposed + (c >> 2) * depth,
      to = scaled + (c >> 2) * depth;
    for (let j: usize = 0; j < depth; j += 16) {
      const t = v128.load(from + j);
      v128.store(to + j, f32x4.mul(t, q));
      v128.store(shift + j, f32x4.add(v128.load(shift + j), f32x4.mul(t, r)));
    }
  }
  matmul(source.channels, x.channels, source.channels, weight, bytes, 4, scaled, depth, zeros, 0, mix, depth);

  const n = f32x4.splat(<f32>x.rows);
  const sums = kept + <usize>source.channels * bytes;
  for (let c: usize = 0; c < bytes; c += 16) {
    const p = v128.load(x.p + c),
      q = f32x4.mul(v128.load(x.q + c), n);
    const low = f32x4.demote_f64x2_zero(v128.load(x.sums + 2 * c)),
      high = f32x4.demote_f64x2_zero(v128.load(x.sums + 2 * c, 16));
    const t = f32x4.neg(f32x4.div(f32x4.mul(v128.shuffle<f64>(low, high, 0, 2), p), n));
    for (let i = 0; i < source.channels; i++) {
      const from = kept + <usize>i * bytes + c,
        to = dExpand + <usize>i * bytes + c;
      const rest = f32x4.add(
        f32x4.mul(v128.load(from), q),
        f32x4.mul(f32x4.splat(load<f32>(sums + ((<usize>i) << 2))), t),
      );
      v128.store(to, f32x4.add(f32x4.mul(v128.load(to), p), rest));
    }
  }

  if (closes) clearSums(source);
  for (let row = 0; row < source.rows; row += blockRows) {
    const count = min(blockRows, source.rows - row);
    const s = readRows(source, row, count, viewed);
    matmul(count, source.channels, source.channels, s, depth, 4, mix, depth, shift, 0, result, depth);
    addRows(result, depth, count, depth, source.gradient + <usize>row * depth, depth);
    if (closes) closeRows(source, row, count, 0, depth);
  }
}
