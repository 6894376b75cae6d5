import { Window } from "./conv";
import { clearSums, closeRows, giveRows, rawGradientRows, statisticsRows, viewRows } from "./rows";
import { Tensor } from "./tensor";

/*
 * k×k convolution of each channel by itself, one image and some channels at a time, so that the plane it slides over
 * stays in the cache. A row of the kernel is done in groups of 5, 3 or 1 taps; each loop keeps 8 channels of a group's
 * weights in registers and walks along a row of pixels.
 *
 * Pointers: `a` walks over the input by `aStep` per pixel, `c` over the output by `cStep`; `tap` is the distance of two
 * taps in the input, `w` the first weight and `wTap` the distance of weights.
 */

/** c += Σ of 5 taps. */
function slide5(n: i32, a: usize, aStep: usize, tap: usize, w: usize, wTap: usize, c: usize, cStep: usize): void {
  const u0 = v128.load(w), v0 = v128.load(w, 16);
  w += wTap;
  const u1 = v128.load(w), v1 = v128.load(w, 16);
  w += wTap;
  const u2 = v128.load(w), v2 = v128.load(w, 16);
  w += wTap;
  const u3 = v128.load(w), v3 = v128.load(w, 16);
  w += wTap;
  const u4 = v128.load(w), v4 = v128.load(w, 16);
  for (; n > 0; n--) {
    let x = v128.load(c), y = v128.load(c, 16);
    let p = a;
    x = f32x4.add(x, f32x4.mul(u0, v128.load(p))); y = f32x4.add(y, f32x4.mul(v0, v128.load(p, 16)));
    p += tap;
    x = f32x4.add(x, f32x4.mul(u1, v128.load(p))); y = f32x4.add(y, f32x4.mul(v1, v128.load(p, 16)));
    p += tap;
    x = f32x4.add(x, f32x4.mul(u2, v128.load(p))); y = f32x4.add(y, f32x4.mul(v2, v128.load(p, 16)));
    p += tap;
    x = f32x4.add(x, f32x4.mul(u3, v128.load(p))); y = f32x4.add(y, f32x4.mul(v3, v128.load(p, 16)));
    p += tap;
    x = f32x4.add(x, f32x4.mul(u4, v128.load(p))); y = f32x4.add(y, f32x4.mul(v4, v128.load(p, 16)));
    v128.store(c, x); v128.store(c, y, 16);
    a += aStep;
    c += cStep;
  }
}

/** c += Σ of 3 taps. */
function slide3(n: i32, a: usize, aStep: usize, tap: usize, w: usize, wTap: usize, c: usize, cStep: usize): void {
  const u0 = v128.load(w), v0 = v128.load(w, 16);
  w += wTap;
  const u1 = v128.load(w), v1 = v128.load(w, 16);
  w += wTap;
  const u2 = v128.load(w), v2 = v128.load(w, 16);
  for (; n > 0; n--) {
    let x = v128.load(c), y = v128.load(c, 16);
    let p = a;
    x = f32x4.add(x, f32x4.mul(u0, v128.load(p))); y = f32x4.add(y, f32x4.mul(v0, v128.load(p, 16)));
    p += tap;
    x = f32x4.add(x, f32x4.mul(u1, v128.load(p))); y = f32x4.add(y, f32x4.mul(v1, v128.load(p, 16)));
    p += tap;
    x = f32x4.add(x, f32x4.mul(u2, v128.load(p))); y = f32x4.add(y, f32x4.mul(v2, v128.load(p, 16)));
    v128.store(c, x); v128.store(c, y, 16);
    a += aStep;
    c += cStep;
  }
}

/** c += one tap. */
function slide1(n: i32, a: usize, aStep: usize, w: usize, c: usize, cStep: usize): void {
  const u = v128.load(w), v = v128.load(w, 16);
  for (; n > 0; n--) {
    v128.store(c, f32x4.add(v128.load(c), f32x4.mul(u, v128.load(a))));
    v128.store(c, f32x4.add(v128.load(c, 16), f32x4.mul(v, v128.load(a, 16))), 16);
    a += aStep;
    c += cStep;
  }
}

/** c[row] = the whole 3×3 window: no partial sums in memory. */
function slide3x3(n: i32, a: usize, aStep: usize, aRow: usize, tap: usize, w: usize, wTap: usize, wRow: usize, c: usize, cStep: usize): void {
  const b = a + aRow, d = b + aRow;
  const u00 = v128.load(w), v00 = v128.load(w, 16);
  const u01 = v128.load(w + wTap), v01 = v128.load(w + wTap, 16);
  const u02 = v128.load(w + 2 * wTap), v02 = v128.load(w + 2 * wTap, 16);
  w += wRow;
  const u10 = v128.load(w), v10 = v128.load(w, 16);
  const u11 = v128.load(w + wTap), v11 = v128.load(w + wTap, 16);
  const u12 = v128.load(w + 2 * wTap), v12 = v128.load(w + 2 * wTap, 16);
  w += wRow;
  const u20 = v128.load(w), v20 = v128.load(w, 16);
  const u21 = v128.load(w + wTap), v21 = v128.load(w + wTap, 16);
  const u22 = v128.load(w + 2 * wTap), v22 = v128.load(w + 2 * wTap, 16);
  let at: usize = 0;
  for (; n > 0; n--) {
    let p = a + at;
    let x = f32x4.mul(u00, v128.load(p)), y = f32x4.mul(v00, v128.load(p, 16));
    p += tap;
    x = f32x4.add(x, f32x4.mul(u01, v128.load(p))); y = f32x4.add(y, f32x4.mul(v01, v128.load(p, 16)));
    p += tap;
    x = f32x4.add(x, f32x4.mul(u02, v128.load(p))); y = f32x4.add(y, f32x4.mul(v02, v128.load(p, 16)));
    p = b + at;
    x = f32x4.add(x, f32x4.mul(u10, v128.load(p))); y = f32x4.add(y, f32x4.mul(v10, v128.load(p, 16)));
    p += tap;
    x = f32x4.add(x, f32x4.mul(u11, v128.load(p))); y = f32x4.add(y, f32x4.mul(v11, v128.load(p, 16)));
    p += tap;
    x = f32x4.add(x, f32x4.mul(u12, v128.load(p))); y = f32x4.add(y, f32x4.mul(v12, v128.load(p, 16)));
    p = d + at;
    x = f32x4.add(x, f32x4.mul(u20, v128.load(p))); y = f32x4.add(y, f32x4.mul(v20, v128.load(p, 16)));
    p += tap;
    x = f32x4.add(x, f32x4.mul(u21, v128.load(p))); y = f32x4.add(y, f32x4.mul(v21, v128.load(p, 16)));
    p += tap;
    x = f32x4.add(x, f32x4.mul(u22, v128.load(p))); y = f32x4.add(y, f32x4.mul(v22, v128.load(p, 16)));
    v128.store(c, x); v128.store(c, y, 16);
    at += aStep;
    c += cStep;
  }
}

/** dw += Σ over a row of pixels, 5 taps. */
function weigh5(n: i32, a: usize, aStep: usize, tap: usize, g: usize, gStep: usize, dw: usize, wTap: usize): void {
  const w1 = dw + wTap, w2 = w1 + wTap, w3 = w2 + wTap, w4 = w3 + wTap;
  let u0 = v128.load(dw), v0 = v128.load(dw, 16), u1 = v128.load(w1), v1 = v128.load(w1, 16);
  let u2 = v128.load(w2), v2 = v128.load(w2, 16), u3 = v128.load(w3), v3 = v128.load(w3, 16);
  let u4 = v128.load(w4), v4 = v128.load(w4, 16);
  for (; n > 0; n--) {
    const x = v128.load(g), y = v128.load(g, 16);
    let p = a;
    u0 = f32x4.add(u0, f32x4.mul(x, v128.load(p))); v0 = f32x4.add(v0, f32x4.mul(y, v128.load(p, 16)));
    p += tap;
    u1 = f32x4.add(u1, f32x4.mul(x, v128.load(p))); v1 = f32x4.add(v1, f32x4.mul(y, v128.load(p, 16)));
    p += tap;
    u2 = f32x4.add(u2, f32x4.mul(x, v128.load(p))); v2 = f32x4.add(v2, f32x4.mul(y, v128.load(p, 16)));
    p += tap;
    u3 = f32x4.add(u3, f32x4.mul(x, v128.load(p))); v3 = f32x4.add(v3, f32x4.mul(y, v128.load(p, 16)));
    p += tap;
    u4 = f32x4.add(u4, f32x4.mul(x, v128.load(p))); v4 = f32x4.add(v4, f32x4.mul(y, v128.load(p, 16)));
    a += aStep;
    g += gStep;
  }
  v128.store(dw, u0); v128.store(dw, v0, 16); v128.store(w1, u1); v128.store(w1, v1, 16);
  v128.store(w2, u2); v128.store(w2, v2, 16); v128.store(w3, u3); v128.store(w3, v3, 16);
  v128.store(w4, u4); v128.store(w4, v4, 16);
}

/** dw += Σ over a row of pixels, 3 taps. */
function weigh3(n: i32, a: usize, aStep: usize, tap: usize, g: usize, gStep: usize, dw: usize, wTap: usize): void {
  const w1 = dw + wTap, w2 = w1 + wTap;
  let u0 = v128.load(dw), v0 = v128.load(dw, 16), u1 = v128.load(w1), v1 = v128.load(w1, 16);
  let u2 = v128.load(w2), v2 = v128.load(w2, 16);
  for (; n > 0; n--) {
    const x = v128.load(g), y = v128.load(g, 16);
    let p = a;
    u0 = f32x4.add(u0, f32x4.mul(x, v128.load(p))); v0 = f32x4.add(v0, f32x4.mul(y, v128.load(p, 16)));
    p += tap;
    u1 = f32x4.add(u1, f32x4.mul(x, v128.load(p))); v1 = f32x4.add(v1, f32x4.mul(y, v128.load(p, 16)));
    p += tap;
    u2 = f32x4.add(u2, f32x4.mul(x, v128.load(p))); v2 = f32x4.add(v2, f32x4.mul(y, v128.load(p, 16)));
    a += aStep;
    g += gStep;
  }
  v128.store(dw, u0); v128.store(dw, v0, 16); v128.store(w1, u1); v128.store(w1, v1, 16);
  v128.store(w2, u2); v128.store(w2, v2, 16);
}

/** dw += Σ over a row of pixels, one tap. */
function weigh1(n: i32, a: usize, aStep: usize, g: usize, gStep: usize, dw: usize): void {
  let u = v128.load(dw), v = v128.load(dw, 16);
  for (; n > 0; n--) {
    u = f32x4.add(u, f32x4.mul(v128.load(g), v128.load(a)));
    v = f32x4.add(v, f32x4.mul(v128.load(g, 16), v128.load(a, 16)));
    a += aStep;
    g += gStep;
  }
  v128.store(dw, u); v128.store(dw, v, 16);
}

/** One row of outputs from k rows of a plane, for `bytes` of channels; a negative `wTap`, `wRow` flips the kernel. */
function slideRow(
  kernel: i32, n: i32, a: usize, aStep: usize, aRow: usize, w: usize, wTap: usize, wRow: usize, c: usize, cStep: usize, pixel: usize, bytes: usize,
): void {
  for (let j: usize = 0; j < bytes; j += 32) {
    if (kernel == 3) {
      slide3x3(n, a + j, aStep, aRow, pixel, w + j, wTap, wRow, c + j, cStep);
      continue;
    }
    let to = c + j;
    for (let i = n; i > 0; i--) {
      v128.store(to, f32x4.splat(0)); v128.store(to, f32x4.splat(0), 16);
      to += cStep;
    }
    let aLine = a + j, wLine = w + j;
    for (let ky = kernel; ky > 0; ky--) {
      let at = aLine, weight = wLine;
      let left = kernel;
      for (; left >= 5; left -= 5) {
        slide5(n, at, aStep, pixel, weight, wTap, c + j, cStep);
        at += 5 * pixel;
        weight += 5 * wTap;
      }
      for (; left >= 3; left -= 3) {
        slide3(n, at, aStep, pixel, weight, wTap, c + j, cStep);
        at += 3 * pixel;
        weight += 3 * wTap;
      }
      for (; left > 0; left--) {
        slide1(n, at, aStep, weight, c + j, cStep);
        at += pixel;
        weight += wTap;
      }
      aLine += aRow;
      wLine += wRow;
    }
  }
}

/** Adds one row of outputs' part to the gradient of the kernel. */
function weighRow(
  kernel: i32, n: i32, a: usize, aStep: usize, aRow: usize, g: usize, gStep: usize, dw: usize, wTap: usize, pixel: usize, bytes: usize,
): void {
  for (let ky = kernel; ky > 0; ky--) {
    let at = a, weight = dw;
    let left = kernel;
    for (; left >= 5; left -= 5) {
      for (let j: usize = 0; j < bytes; j += 32) weigh5(n, at + j, aStep, pixel, g + j, gStep, weight + j, wTap);
      at += 5 * pixel;
      weight += 5 * wTap;
    }
    for (; left >= 3; left -= 3) {
      for (let j: usize = 0; j < bytes; j += 32) weigh3(n, at + j, aStep, pixel, g + j, gStep, weight + j, wTap);
      at += 3 * pixel;
      weight += 3 * wTap;
    }
    for (; left > 0; left--) {
      for (let j: usize = 0; j < bytes; j += 32) weigh1(n, at + j, aStep, g + j, gStep, weight + j);
      at += pixel;
      weight += wTap;
    }
    a += aRow;
    dw += <usize>kernel * wTap;
  }
}

/** Adds one row of gradients times the kernel to the plane. */
function scatterRow(
  kernel: i32, n: i32, a: usize, aStep: usize, aRow: usize, w: usize, wTap: usize, g: usize, gStep: usize, pixel: usize, bytes: usize,
): void {
  for (let ky = kernel; ky > 0; ky--) {
    let at = a;
    for (let kx = kernel; kx > 0; kx--) {
      for (let j: usize = 0; j < bytes; j += 32) {
        const u = v128.load(w + j), v = v128.load(w + j, 16);
        let to = at + j, from = g + j;
        for (let i = n; i > 0; i--) {
          v128.store(to, f32x4.add(v128.load(to), f32x4.mul(u, v128.load(from))));
          v128.store(to, f32x4.add(v128.load(to, 16), f32x4.mul(v, v128.load(from, 16))), 16);
          to += aStep;
          from += gStep;
        }
      }
      at += pixel;
      w += wTap;
    }
    a += aRow;
  }
}

function fillPlane(x: Tensor, w: Window, image: i32, from: usize, bytes: usize, plane: usize): void {
  const planeRow = <usize>w.planeWidth * bytes;
  let to = plane + <usize>w.top * planeRow + <usize>w.left * bytes;
  let row = image * x.pixels;
  for (let i = 0; i < x.height; i++) {
    viewRows(x, row, x.width, from, bytes, to, bytes);
    row += x.width;
    to += planeRow;
  }
}

/** `chunk` channels at a time. Scratch: one plane of a chunk. */
export function depthwiseForward(x: Tensor, w: Window, weight: usize, y: Tensor, scratch: usize, chunk: i32): void {
  const stride = y.stride;
  clearSums(y);
  for (let channel = 0; channel < x.channels; channel += chunk) {
    const bytes = (<usize>min(chunk, x.channels - channel)) << 2;
    const from = (<usize>channel) << 2;
    const planeRow = <usize>w.planeWidth * bytes;
    memory.fill(scratch, 0, <usize>w.planeHeight * planeRow);
    for (let image = 0; image < x.batch; image++) {
      fillPlane(x, w, image, from, bytes, scratch);
      let a = scratch;
      const first = y.value + <usize>(image * y.pixels) * stride + from;
      let c = first;
      for (let oy = 0; oy < y.height; oy++) {
        slideRow(w.kernel, y.width, a, <usize>w.stride * bytes, planeRow, weight + from, stride, <usize>w.kernel * stride, c, stride, bytes, bytes);
        a += <usize>w.stride * planeRow;
        c += <usize>y.width * stride;
      }
      if (y.sums) statisticsRows(first, stride, y.pixels, bytes, y.sums + 2 * from, 2 * stride);
    }
  }
}

/**
 * Gradients of weights and of `x`. With stride 1 the latter is a convolution of the gradient with the flipped kernel,
 * which slides; with a larger stride it is scattered. Scratch: three planes of a chunk, the gradient's with borders of
 * k - 1 (or one image of `x`).
 */
export function depthwiseBackward(
  x: Tensor, w: Window, weight: usize, dWeight: usize, y: Tensor, scratch: usize, chunk: i32, needsInput: i32, accumulate: i32, closes: i32,
): void {
  const stride = y.stride;
  const kernel = w.kernel;
  const slides = w.stride == 1;
  // The flipped kernel at pixel (i, j) covers the bordered gradient from (i + top, j + left) on.
  const border = slides ? kernel - 1 : 0;
  const gradientWidth = y.width + 2 * border, gradientHeight = y.height + 2 * border;
  memory.fill(dWeight, 0, <usize>(kernel * kernel) * stride);
  if (closes) clearSums(x);

  for (let channel = 0; channel < x.channels; channel += chunk) {
    const bytes = (<usize>min(chunk, x.channels - channel)) << 2;
    const from = (<usize>channel) << 2;
    const planeRow = <usize>w.planeWidth * bytes, gradientRow = <usize>gradientWidth * bytes;
    const planeSize = <usize>w.planeHeight * planeRow, gradientSize = <usize>gradientHeight * gradientRow;
    const plane = scratch, gradient = plane + planeSize, result = gradient + gradientSize;
    memory.fill(plane, 0, planeSize);
    memory.fill(gradient, 0, gradientSize);
    for (let image = 0; image < x.batch; image++) {
      fillPlane(x, w, image, from, bytes, plane);
      let row = image * y.pixels;
      let g = gradient + <usize>border * gradientRow + <usize>border * bytes;
      let a = plane;
      for (let oy = 0; oy < y.height; oy++) {
        rawGradientRows(y, row, y.width, from, bytes, g, bytes);
        weighRow(kernel, y.width, a, <usize>w.stride * bytes, planeRow, g, bytes, dWeight + from, stride, bytes, bytes);
        row += y.width;
        g += gradientRow;
        a += <usize>w.stride * planeRow;
      }
      if (!needsInput) continue;

      const first = image * x.pixels;
      let to = x.gradient + <usize>first * stride + from;
      if (slides) {
        const last = weight + from + <usize>(kernel * kernel - 1) * stride;
        let source = gradient + <usize>w.top * gradientRow + <usize>w.left * bytes;
        for (let i = 0; i < x.height; i++) {
          const c = accumulate ? result : to;
          slideRow(kernel, x.width, source, bytes, gradientRow, last, -stride, -(<usize>kernel * stride), c, accumulate ? bytes : stride, bytes, bytes);
          if (accumulate) giveRows(result, bytes, x.width, bytes, to, stride, 1);
          source += gradientRow;
          to += <usize>x.width * stride;
        }
      } else {
        memory.fill(result, 0, planeSize);
        let source = gradient;
        let target = result;
        for (let oy = 0; oy < y.height; oy++) {
          scatterRow(kernel, y.width, target, <usize>w.stride * bytes, planeRow, weight + from, stride, source, bytes, bytes, bytes);
          source += gradientRow;
          target += <usize>w.stride * planeRow;
        }
        let line = result + <usize>w.top * planeRow + <usize>w.left * bytes;
        for (let i = 0; i < x.height; i++) {
          giveRows(line, bytes, x.width, bytes, to, stride, accumulate);
          line += planeRow;
          to += <usize>x.width * stride;
        }
      }
      if (closes) closeRows(x, first, x.pixels, from, bytes, plane);
    }
  }
}
