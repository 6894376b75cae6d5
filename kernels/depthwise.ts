import { Window } from "./conv";
import { rawGradientRows } from "./gradient";
import { copyRows, giveRows } from "./rows";
import { slide } from "./slide";
import { clearSums, closeRows, statisticsRows } from "./sums";
import { apart, Tensor } from "./tensor";
import { viewRows } from "./view";
import { weigh } from "./weigh";

/*
 * k×k convolution of each channel by itself, one image and one band of its rows at a time: what the band needs is viewed
 * into a buffer with zero borders that stays in the second-level cache. Bands hold all channels, or as many as fit, so
 * that memory is read and written in its own order.
 */

/** Rounded down, also below zero. */
// @ts-ignore: decorator
@inline
function floorDivide(a: i32, b: i32): i32 {
  return a >= 0 ? a / b : -((b - 1 - a) / b);
}

/** Views rows `first` and following of an image into a band; rows outside the image are zero. */
export function viewBand(x: Tensor, image: i32, first: i32, rows: i32, from: usize, bytes: usize, to: usize, bandRow: usize, left: usize): void {
  for (let i = first; i < first + rows; i++) {
    if (i < 0 || i >= x.height) memory.fill(to, 0, bandRow);
    else viewRows(x, image * x.pixels + i * x.width, x.width, from, bytes, to + left, apart(bytes));
    to += bandRow;
  }
}

/**
 * Output rows `top` and following of an image, channels `from` and following, and their sums: `x` is viewed into `view`, which
 * has zero borders, and the result made in `out`, whose rows lie together so that they are copied in one run.
 */
export function forwardBand(
  x: Tensor, w: Window, weight: usize, y: Tensor, zeros: usize, image: i32, top: i32, rows: i32, from: usize, bytes: usize, view: usize, out: usize,
): void {
  const stride = y.stride;
  const kernel = w.kernel, step = w.stride;
  const pixel = apart(bytes), bandRow = <usize>w.planeWidth * pixel;
  viewBand(x, image, top * step - w.top, (rows - 1) * step + kernel, from, bytes, view, bandRow, <usize>w.left * pixel);
  slide(
    kernel, kernel, rows, y.width, view, <usize>step * bandRow, <usize>step * pixel, pixel, bandRow,
    weight + from, stride, <usize>kernel * stride, zeros, out, <usize>y.width * bytes, bytes, bytes,
  );
  if (y.sums) statisticsRows(out, bytes, rows * y.width, bytes, y.sums + 2 * from, 2 * stride);
  copyRows(out, bytes, rows * y.width, bytes, y.value + <usize>(image * y.pixels + top * y.width) * stride + from, stride);
}

/** Bytes of the view that `forwardBand` needs for so many rows of the output. */
// @ts-ignore: decorator
@inline
export function forwardBytes(w: Window, band: i32, bytes: usize): usize {
  return <usize>(((band - 1) * w.stride + w.kernel) * w.planeWidth) * apart(bytes);
}

/** `chunk` channels and `band` rows of the output at a time. Scratch: bands of the input and of the output. */
export function depthwiseForward(x: Tensor, w: Window, weight: usize, y: Tensor, zeros: usize, scratch: usize, chunk: i32, band: i32): void {
  clearSums(y);
  for (let channel = 0; channel < x.channels; channel += chunk) {
    const bytes = (<usize>min(chunk, x.channels - channel)) << 2;
    const from = (<usize>channel) << 2;
    const out = scratch + forwardBytes(w, band, bytes);
    memory.fill(scratch, 0, out - scratch);
    for (let image = 0; image < x.batch; image++) {
      for (let top = 0; top < y.height; top += band) {
        forwardBand(x, w, weight, y, zeros, image, top, min(band, y.height - top), from, bytes, scratch, out);
      }
    }
  }
}

/**
 * Gradient of `rows` rows of an image of `x` from `top` on, into a band. Every `stride`-th row and column of them has the
 * same taps of the kernel: a convolution with stride 1 of the gradient of `y`, of which `gradient` holds row `first` and
 * following with `border` zero columns.
 */
export function gradientBand(
  x: Tensor, w: Window, weight: usize, wTap: usize, top: i32, rows: i32, gradient: usize, first: i32, border: i32, gradientRow: usize,
  zeros: usize, bytes: usize, band: usize, bandPixel: usize,
): void {
  const kernel = w.kernel, step = w.stride;
  const pixel = apart(bytes);
  if (kernel < step) memory.fill(band, 0, <usize>(rows * x.width) * bandPixel);
  for (let tapY = 0; tapY < min(step, kernel); tapY++) {
    let i = tapY - w.top;
    while (i < top) i += step;
    const down = (top + rows - i + step - 1) / step;
    for (let tapX = 0; tapX < min(step, kernel); tapX++) {
      let j = tapX - w.left;
      while (j < 0) j += step;
      const across = (x.width - j + step - 1) / step;
      slide(
        (kernel - tapY + step - 1) / step, (kernel - tapX + step - 1) / step, down, across,
        gradient + <usize>((i + w.top) / step - first) * gradientRow + <usize>((j + w.left) / step + border) * pixel,
        gradientRow, pixel, -pixel, -gradientRow,
        weight + <usize>(tapY * kernel + tapX) * wTap, <usize>step * wTap, <usize>(step * kernel) * wTap, zeros,
        band + <usize>((i - top) * x.width + j) * bandPixel, <usize>(step * x.width) * bandPixel, <usize>step * bandPixel, bytes,
      );
    }
  }
}

/** The first row of `y` whose window reaches row `top` of its input; may be outside. */
// @ts-ignore: decorator
@inline
export function firstRow(w: Window, top: i32): i32 {
  return floorDivide(top + w.top - w.kernel + 1, w.stride);
}

/** Zero columns and rows around the gradient of `y`. */
// @ts-ignore: decorator
@inline
export function borderOf(w: Window): i32 {
  return (w.kernel - 1 + w.stride - 1) / w.stride;
}

/** Bytes of scratch that `backwardBand` needs for the view of `x`, and for the gradient of `y`. */
// @ts-ignore: decorator
@inline
export function viewBytes(w: Window, band: i32, bytes: usize): usize {
  return <usize>((band + w.kernel + w.stride) * w.planeWidth) * apart(bytes);
}

// @ts-ignore: decorator
@inline
export function gradientBytes(w: Window, y: Tensor, band: i32, bytes: usize): usize {
  return <usize>((band / w.stride + 2 * borderOf(w) + 2) * (y.width + 2 * borderOf(w))) * apart(bytes);
}

/**
 * The way back for rows `top` to `end` of an image of `x`, channels `from` and following: adds to the gradient of the
 * weights and, if `given` is not null, writes the gradient of what `x` shows there. `view` and `gradient` have zero borders.
 */
export function backwardBand(
  x: Tensor, w: Window, weight: usize, dWeight: usize, y: Tensor, zeros: usize, image: i32, top: i32, end: i32, from: usize, bytes: usize,
  view: usize, gradient: usize, given: usize, givenPixel: usize,
): void {
  const stride = y.stride;
  const kernel = w.kernel, step = w.stride;
  const border = borderOf(w);
  const pixel = apart(bytes);
  const bandRow = <usize>w.planeWidth * pixel, gradientRow = <usize>(y.width + 2 * border) * pixel;
  // Rows of the gradient: those that rows of the band are part of, and those whose window is counted to this band.
  const first = firstRow(w, top), last = (end - 1 + w.top) / step;
  const own = (top + step - 1) / step, ownRows = (end + step - 1) / step - own;
  let g = gradient;
  for (let i = first; i <= last; i++) {
    if (i < 0 || i >= y.height) memory.fill(g, 0, gradientRow);
    else rawGradientRows(y, image * y.pixels + i * y.width, y.width, from, bytes, g + <usize>border * pixel, pixel);
    g += gradientRow;
  }
  if (ownRows > 0) {
    viewBand(x, image, own * step - w.top, (ownRows - 1) * step + kernel, from, bytes, view, bandRow, <usize>w.left * pixel);
    weigh(
      kernel, ownRows, y.width, view, <usize>step * bandRow, <usize>step * pixel, pixel, bandRow,
      gradient + <usize>(own - first) * gradientRow + <usize>border * pixel, gradientRow, pixel,
      dWeight + from, stride, <usize>kernel * stride, bytes,
    );
  }
  if (given) gradientBand(x, w, weight + from, stride, top, end - top, gradient, first, border, gradientRow, zeros, bytes, given, givenPixel);
}

/** Gradients of weights and of `x`, `band` rows of `x` at a time. Scratch: bands of `x`, of the gradient, and again of `x`. */
export function depthwiseBackward(
  x: Tensor, w: Window, weight: usize, dWeight: usize, y: Tensor, zeros: usize, scratch: usize, chunk: i32, band: i32, needsInput: i32,
  accumulate: i32, closes: i32,
): void {
  const stride = y.stride;
  memory.fill(dWeight, 0, <usize>(w.kernel * w.kernel) * stride);
  if (closes) clearSums(x);
  for (let channel = 0; channel < x.channels; channel += chunk) {
    const bytes = (<usize>min(chunk, x.channels - channel)) << 2;
    const from = (<usize>channel) << 2;
    const gradient = scratch + viewBytes(w, band, bytes);
    const given = gradient + gradientBytes(w, y, band, bytes);
    memory.fill(scratch, 0, given - scratch);
    for (let image = 0; image < x.batch; image++) {
      for (let top = 0; top < x.height; top += band) {
        const end = min(x.height, top + band);
        backwardBand(x, w, weight, dWeight, y, zeros, image, top, end, from, bytes, scratch, gradient, needsInput ? given : 0, bytes);
        if (!needsInput) continue;
        const row = image * x.pixels + top * x.width, rows = (end - top) * x.width;
        giveRows(given, bytes, rows, bytes, x.gradient + <usize>row * stride + from, stride, accumulate);
        if (closes) closeRows(x, row, rows, from, bytes);
      }
    }
  }
}
