import { Window } from "./conv";
import { clearSums, closeRows, giveRows, rawGradientRows, sumRows, viewRows } from "./rows";
import { Tensor } from "./tensor";

/*
 * Pooling by "same" windows, one image at a time. Windows are cut at the border: a mean is over the pixels inside.
 * Scratch of all: two images of `x` and one row of `y`.
 */

/** c += a, or c += a × factor. */
// @ts-ignore: decorator
@inline
function addPixel(a: usize, c: usize, bytes: usize, factor: f32): void {
  const f = f32x4.splat(factor);
  for (let j: usize = 0; j < bytes; j += 32) {
    v128.store(c + j, f32x4.add(v128.load(c + j), f32x4.mul(v128.load(a + j), f)));
    v128.store(c + j, f32x4.add(v128.load(c + j, 16), f32x4.mul(v128.load(a + j, 16), f)), 16);
  }
}

export function averagePoolForward(x: Tensor, w: Window, y: Tensor, scratch: usize): void {
  const width = x.stride;
  for (let image = 0; image < x.batch; image++) {
    viewRows(x, image * x.pixels, x.pixels, 0, width, scratch, width);
    let to = y.value + <usize>(image * y.pixels) * width;
    for (let oy = 0; oy < y.height; oy++) {
      const top = max(0, oy * w.stride - w.top), bottom = min(x.height, oy * w.stride - w.top + w.kernel);
      for (let ox = 0; ox < y.width; ox++) {
        const left = max(0, ox * w.stride - w.left), right = min(x.width, ox * w.stride - w.left + w.kernel);
        const share: f32 = 1 / <f32>((bottom - top) * (right - left));
        memory.fill(to, 0, width);
        for (let i = top; i < bottom; i++) {
          for (let j = left; j < right; j++) addPixel(scratch + <usize>(i * x.width + j) * width, to, width, share);
        }
        to += width;
      }
    }
  }
}

export function averagePoolBackward(x: Tensor, w: Window, y: Tensor, scratch: usize, accumulate: i32, closes: i32): void {
  const width = x.stride;
  const size = <usize>x.pixels * width;
  const line = scratch + 2 * size;
  if (closes) clearSums(x);
  for (let image = 0; image < x.batch; image++) {
    memory.fill(scratch, 0, size);
    for (let oy = 0; oy < y.height; oy++) {
      rawGradientRows(y, image * y.pixels + oy * y.width, y.width, 0, width, line, width);
      const top = max(0, oy * w.stride - w.top), bottom = min(x.height, oy * w.stride - w.top + w.kernel);
      for (let ox = 0; ox < y.width; ox++) {
        const left = max(0, ox * w.stride - w.left), right = min(x.width, ox * w.stride - w.left + w.kernel);
        const share: f32 = 1 / <f32>((bottom - top) * (right - left));
        for (let i = top; i < bottom; i++) {
          for (let j = left; j < right; j++) addPixel(line + <usize>ox * width, scratch + <usize>(i * x.width + j) * width, width, share);
        }
      }
    }
    const row = image * x.pixels;
    giveRows(scratch, width, x.pixels, width, x.gradient + <usize>row * width, width, accumulate);
    if (closes) closeRows(x, row, x.pixels, 0, width, scratch);
  }
}

export function maxPoolForward(x: Tensor, w: Window, y: Tensor, scratch: usize): void {
  const width = x.stride;
  for (let image = 0; image < x.batch; image++) {
    viewRows(x, image * x.pixels, x.pixels, 0, width, scratch, width);
    let to = y.value + <usize>(image * y.pixels) * width;
    for (let oy = 0; oy < y.height; oy++) {
      const top = max(0, oy * w.stride - w.top), bottom = min(x.height, oy * w.stride - w.top + w.kernel);
      for (let ox = 0; ox < y.width; ox++) {
        const left = max(0, ox * w.stride - w.left), right = min(x.width, ox * w.stride - w.left + w.kernel);
        memory.copy(to, scratch + <usize>(top * x.width + left) * width, width);
        for (let i = top; i < bottom; i++) {
          for (let j = left; j < right; j++) {
            const from = scratch + <usize>(i * x.width + j) * width;
            for (let c: usize = 0; c < width; c += 16) v128.store(to + c, f32x4.pmax(v128.load(to + c), v128.load(from + c)));
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
  const viewed = scratch + size, line = viewed + size;
  if (closes) clearSums(x);
  for (let image = 0; image < x.batch; image++) {
    memory.fill(scratch, 0, size);
    viewRows(x, image * x.pixels, x.pixels, 0, width, viewed, width);
    for (let oy = 0; oy < y.height; oy++) {
      rawGradientRows(y, image * y.pixels + oy * y.width, y.width, 0, width, line, width);
      const top = max(0, oy * w.stride - w.top), bottom = min(x.height, oy * w.stride - w.top + w.kernel);
      for (let ox = 0; ox < y.width; ox++) {
        const left = max(0, ox * w.stride - w.left), right = min(x.width, ox * w.stride - w.left + w.kernel);
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
    if (closes) closeRows(x, row, x.pixels, 0, width, scratch);
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
