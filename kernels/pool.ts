import { Window } from "./conv";
import { borderOf, firstRow, gradientBand, gradientBytes, viewBand } from "./depthwise";
import { rawGradientRows } from "./gradient";
import { copyRows, giveRows } from "./rows";
import { slide } from "./slide";
import { clearSums, closeRows, sumRows } from "./sums";
import { apart, Tensor } from "./tensor";
import { viewRows } from "./view";

/*
 * Pooling by "same" windows. Windows are cut at the border: a mean is over the pixels inside. The largest of a window is
 * sought one image at a time; scratch: two images of `x` and one row of `y`.
 */

/** A row of ones: the weights of a mean, before it is divided. */
function fillOnes(at: usize, bytes: usize): void {
  for (let j: usize = 0; j < bytes; j += 16) v128.store(at + j, f32x4.splat(1));
}

/** Divides a row of pixels of `y` by how many pixels of `x` are in the window of each. */
function divideRow(x: Tensor, w: Window, y: Tensor, row: i32, at: usize, pixel: usize): void {
  const bytes = y.stride;
  const height = min(x.height, row * w.stride - w.top + w.kernel) - max(0, row * w.stride - w.top);
  for (let ox = 0; ox < y.width; ox++) {
    const width = min(x.width, ox * w.stride - w.left + w.kernel) - max(0, ox * w.stride - w.left);
    const share = f32x4.splat(1 / <f32>(height * width));
    for (let j: usize = 0; j < bytes; j += 32) {
      v128.store(at + j, f32x4.mul(v128.load(at + j), share));
      v128.store(at + j, f32x4.mul(v128.load(at + j, 16), share), 16);
    }
    at += pixel;
  }
}

/** A depthwise convolution with ones, divided; in bands, as there. Scratch: a row of channels, a band of `x`, one of `y`. */
export function averagePoolForward(x: Tensor, w: Window, y: Tensor, zeros: usize, scratch: usize, band: i32): void {
  const bytes = x.stride,
    pixel = apart(bytes),
    kernel = w.kernel,
    step = w.stride;
  const bandRow = <usize>w.planeWidth * pixel;
  const view = scratch + bytes;
  const out = view + <usize>((band - 1) * step + kernel) * bandRow;
  fillOnes(scratch, bytes);
  memory.fill(view, 0, out - view);
  for (let image = 0; image < x.batch; image++) {
    for (let top = 0; top < y.height; top += band) {
      const rows = min(band, y.height - top);
      viewBand(
        x,
        image,
        top * step - w.top,
        (rows - 1) * step + kernel,
        0,
        bytes,
        view,
        bandRow,
        <usize>w.left * pixel,
      );
      slide(
        kernel,
        kernel,
        rows,
        y.width,
        view,
        <usize>step * bandRow,
        <usize>step * pixel,
        pixel,
        bandRow,
        scratch,
        0,
        0,
        zeros,
        out,
        <usize>y.width * bytes,
        bytes,
        bytes,
      );
      for (let i = 0; i < rows; i++) divideRow(x, w, y, top + i, out + <usize>(i * y.width) * bytes, bytes);
      copyRows(out, bytes, rows * y.width, bytes, y.value + <usize>(image * y.pixels + top * y.width) * bytes, bytes);
    }
  }
}

/** Scratch: a row of channels, a band of the gradient of `y` with borders, a band of `x`. */
export function averagePoolBackward(
  x: Tensor,
  w: Window,
  y: Tensor,
  zeros: usize,
  band: i32,
  scratch: usize,
  accumulate: i32,
  closes: i32,
): void {
  const bytes = x.stride,
    pixel = apart(bytes);
  const border = borderOf(w);
  const gradientRow = <usize>(y.width + 2 * border) * pixel;
  const gradient = scratch + bytes;
  const given = gradient + gradientBytes(w, y, band, bytes);
  fillOnes(scratch, bytes);
  memory.fill(gradient, 0, given - gradient);
  if (closes) clearSums(x);
  for (let image = 0; image < x.batch; image++) {
    for (let top = 0; top < x.height; top += band) {
      const rows = min(band, x.height - top);
      const first = firstRow(w, top),
        last = (top + rows - 1 + w.top) / w.stride;
      let g = gradient;
      for (let i = first; i <= last; i++) {
        const inside = g + <usize>border * pixel;
        if (i < 0 || i >= y.height) memory.fill(g, 0, gradientRow);
        else {
          rawGradientRows(y, image * y.pixels + i * y.width, y.width, 0, bytes, inside, pixel);
          divideRow(x, w, y, i, inside, pixel);
        }
        g += gradientRow;
      }
      gradientBand(x, w, scratch, 0, top, rows, gradient, first, border, gradientRow, zeros, bytes, given, bytes);
      const row = image * x.pixels + top * x.width;
      giveRows(given, bytes, rows * x.width, bytes, x.gradient + <usize>row * bytes, bytes, accumulate);
      if (closes) closeRows(x, row, rows * x.width, 0, bytes);
    }
  }
}

export function maxPoolForward(x: Tensor, w: Window, y: Tensor, scratch: usize): void {
  const width = x.stride;
  for (let image = 0; image < x.batch; image++) {
    viewRows(x, image * x.pixels, x.pixels, 0, width, scratch, width);
    let to = y.value + <usize>(image * y.pixels) * width;
    for (let oy = 0; oy < y.height; oy++) {
      const top = max(0, oy * w.stride - w.top),
        bottom = min(x.height, oy * w.stride - w.top + w.kernel);
      for (let ox = 0; ox < y.width; ox++) {
        const left = max(0, ox * w.stride - w.left),
          right = min(x.width, ox * w.stride - w.left + w.kernel);
        memory.copy(to, scratch + <usize>(top * x.width + left) * width, width);
        for (let i = top; i < bottom; i++) {
          for (let j = left; j < right; j++) {
            const from = scratch + <usize>(i * x.width + j) * width;
            for (let c: usize = 0; c < width; c += 16)
              v128.store(to + c, f32x4.pmax(v128.load(to + c), v128.load(from + c)));
          }
        }
        to += width;
      }
    }
  }
}

/** The gradient goes to the first of equal maxima. */
export function maxPoolBackward(x: Tensor, w: Window, y: Tensor, scratch: usize, accumulate: i32, closes: i32): void {
  const width = x.stride;
  const size = <usize>x.pixels * width;
  const viewed = scratch + size,
    line = viewed + size;
  if (closes) clearSums(x);
  for (let image = 0; image < x.batch; image++) {
    memory.fill(scratch, 0, size);
    viewRows(x, image * x.pixels, x.pixels, 0, width, viewed, width);
    for (let oy = 0; oy < y.height; oy++) {
      rawGradientRows(y, image * y.pixels + oy * y.width, y.width, 0, width, line, width);
      const top = max(0, oy * w.stride - w.top),
        bottom = min(x.height, oy * w.stride - w.top + w.kernel);
      for (let ox = 0; ox < y.width; ox++) {
        const left = max(0, ox * w.stride - w.left),
          right = min(x.width, ox * w.stride - w.left + w.kernel);
        const largest = y.value + <usize>((image * y.height + oy) * y.width + ox) * width;
        for (let c: usize = 0; c < width; c += 16) {
          let rest = v128.load(line + <usize>ox * width + c);
          const top4 = v128.load(largest + c);
          for (let i = top; i < bottom; i++) {
            for (let j = left; j < right; j++) {
              const at = <usize>(i * x.width + j) * width + c;
              const isMax = f32x4.eq(v128.load(viewed + at), top4);
              v128.store(scratch + at, f32x4.add(v128.load(scratch + at), v128.and(rest, isMax)));
              rest = v128.andnot(rest, isMax);
            }
          }
        }
      }
    }
    const row = image * x.pixels;
    giveRows(scratch, width, x.pixels, width, x.gradient + <usize>row * width, width, accumulate);
    if (closes) closeRows(x, row, x.pixels, 0, width);
  }
}

/** y[image] = mean over pixels. Scratch: 64 rows of `x`. */
export function meanForward(x: Tensor, y: Tensor, scratch: usize): void {
  const width = x.stride;
  const share = f32x4.splat(1 / <f32>x.pixels);
  memory.fill(y.value, 0, <usize>x.batch * width);
  for (let image = 0; image < x.batch; image++) {
    const to = y.value + <usize>image * width;
    for (let row = 0; row < x.pixels; row += 64) {
      const count = min(64, x.pixels - row);
      viewRows(x, image * x.pixels + row, count, 0, width, scratch, width);
      sumRows(scratch, width, count, width, to);
    }
    for (let j: usize = 0; j < width; j += 16) v128.store(to + j, f32x4.mul(v128.load(to + j), share));
  }
}

/** The gradient of every pixel is the same, so it is kept once per image. Scratch: one row. */
export function meanBackward(x: Tensor, y: Tensor, scratch: usize, accumulate: i32): void {
  const width = x.stride;
  const share = f32x4.splat(1 / <f32>x.pixels);
  for (let image = 0; image < x.batch; image++) {
    const to = x.imageGradient + <usize>image * width;
    rawGradientRows(y, image, 1, 0, width, scratch, width);
    for (let j: usize = 0; j < width; j += 16) v128.store(scratch + j, f32x4.mul(v128.load(scratch + j), share));
    giveRows(scratch, width, 1, width, to, width, accumulate);
  }
}
