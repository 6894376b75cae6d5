import { isPlainGradient, rawGradientRows } from "./gradient";
import { matmul, matmulPacked } from "./matmul";
import { copyRows, giveRows } from "./rows";
import { clearSums, closeRows, statisticsRows, sumRows } from "./sums";
import { Tensor } from "./tensor";
import { isPlain, viewRows } from "./view";

/*
 * k×k convolution over all channels. A few images at a time are viewed into planes with zero borders; patches of a block
 * of pixels are gathered from there and multiplied. Gathering costs one copy per 2 × filters operations.
 */

/** Geometry of one convolution; JavaScript writes it once. */
@unmanaged
export class Window {
  kernel: i32;
  stride: i32;
  /** Zero rows above the image and columns to its left. */
  top: i32;
  left: i32;
  /** Size of the image with its borders. */
  planeHeight: i32;
  planeWidth: i32;
  /** Images per group. */
  group: i32;
}

function fillPlanes(x: Tensor, w: Window, image: i32, images: i32, planes: usize): void {
  const pixel = x.stride;
  const planeRow = <usize>w.planeWidth * pixel;
  const rowBytes = <usize>x.width * pixel;
  for (let n = 0; n < images; n++) {
    let to = planes + <usize>(n * w.planeHeight + w.top) * planeRow + <usize>w.left * pixel;
    let row = (image + n) * x.pixels;
    for (let i = 0; i < x.height; i++) {
      if (isPlain(x)) copyRows(x.value + <usize>row * pixel, rowBytes, 1, rowBytes, to, rowBytes);
      else viewRows(x, row, x.width, 0, pixel, to, pixel);
      row += x.width;
      to += planeRow;
    }
  }
}

// @ts-ignore: decorator
@inline
function copyRun(from: usize, to: usize, bytes: usize): void {
  if (bytes & 31) {
    for (let i: usize = 0; i < bytes; i += 4) store<f32>(to + i, load<f32>(from + i));
  } else {
    for (let i: usize = 0; i < bytes; i += 32) {
      v128.store(to + i, v128.load(from + i));
      v128.store(to + i, v128.load(from + i, 16), 16);
    }
  }
}

// @ts-ignore: decorator
@inline
function addRun(from: usize, to: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 32) {
    v128.store(to + i, f32x4.add(v128.load(to + i), v128.load(from + i)));
    v128.store(to + i, f32x4.add(v128.load(to + i, 16), v128.load(from + i, 16)), 16);
  }
}

/** Copies the patches of `count` output pixels from `pixel` (counted in the group) to rows of `patches`, or adds them back. */
// @ts-ignore: decorator
@inline
function walkPatches(w: Window, y: Tensor, channelBytes: usize, pixel: i32, count: i32, planes: usize, patches: usize, back: bool): void {
  const planeRow = <usize>w.planeWidth * channelBytes;
  const run = <usize>w.kernel * channelBytes;
  let ox = pixel % y.width;
  let line = pixel / y.width;
  let oy = line % y.height;
  let image = line / y.height;
  for (; count > 0; count--) {
    let at = planes + <usize>(image * w.planeHeight + oy * w.stride) * planeRow + <usize>(ox * w.stride) * channelBytes;
    for (let k = w.kernel; k > 0; k--) {
      if (back) addRun(patches, at, run);
      else copyRun(at, patches, run);
      patches += run;
      at += planeRow;
    }
    ox += 1;
    if (ox == y.width) {
      ox = 0;
      oy += 1;
      if (oy == y.height) {
        oy = 0;
        image += 1;
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function planeBytes(w: Window, x: Tensor): usize {
  return <usize>(w.group * w.planeHeight * w.planeWidth) * x.stride;
}

/** Scratch: the planes, then one block of patches with 3 rows to spare. */
export function convForward(x: Tensor, w: Window, packed: usize, bias: usize, y: Tensor, zeros: usize, scratch: usize, blockRows: i32): void {
  const depth = w.kernel * w.kernel * x.channels;
  const patchRow = (<usize>depth) << 2;
  const width = y.stride;
  const planes = scratch;
  const patches = scratch + planeBytes(w, x);
  memory.fill(planes, 0, planeBytes(w, x));
  clearSums(y);
  for (let image = 0; image < x.batch; image += w.group) {
    const images = min(w.group, x.batch - image);
    const rows = images * y.pixels;
    fillPlanes(x, w, image, images, planes);
    for (let row = 0; row < rows; row += blockRows) {
      const count = min(blockRows, rows - row);
      walkPatches(w, y, x.stride, row, count, planes, patches, false);
      const c = y.value + <usize>(image * y.pixels + row) * width;
      matmulPacked(count, depth, y.channels, patches, patchRow, packed, bias ? bias : zeros, 0, c, width);
      if (y.sums) statisticsRows(c, width, count, width, y.sums, 2 * width);
    }
  }
}

/** Scratch: planes, planes of gradients, a block of patches (or one image of `x`), one of gradients. Other arguments as in `pointwiseBackward`. */
export function convBackward(
  x: Tensor, w: Window, packedTransposed: usize, dWeight: usize, dBias: usize, y: Tensor, zeros: usize, scratch: usize, blockRows: i32,
  accumulate: i32, closes: i32,
): void {
  const depth = w.kernel * w.kernel * x.channels;
  const patchRow = (<usize>depth) << 2;
  const width = y.stride;
  const size = planeBytes(w, x);
  const planes = scratch, gradientPlanes = scratch + size;
  const patches = gradientPlanes + size;
  const gradientBlock = patches + <usize>(blockRows + 4) * patchRow;
  memory.fill(planes, 0, size);
  memory.fill(dWeight, 0, <usize>((depth + 3) & ~3) * width);
  if (dBias) memory.fill(dBias, 0, width);
  if (closes) clearSums(x);

  for (let image = 0; image < x.batch; image += w.group) {
    const images = min(w.group, x.batch - image);
    const rows = images * y.pixels;
    fillPlanes(x, w, image, images, planes);
    if (packedTransposed) memory.fill(gradientPlanes, 0, size);
    for (let row = 0; row < rows; row += blockRows) {
      const count = min(blockRows, rows - row);
      const first = image * y.pixels + row;
      let g = y.gradient + <usize>first * width;
      if (!isPlainGradient(y)) {
        g = gradientBlock;
        rawGradientRows(y, first, count, 0, width, g, width);
      }
      walkPatches(w, y, x.stride, row, count, planes, patches, false);
      matmul(depth, count, y.channels, patches, 4, patchRow, g, width, dWeight, width, dWeight, width);
      if (dBias) sumRows(g, width, count, width, dBias);
      if (!packedTransposed) continue;
      matmulPacked(count, y.channels, depth, g, width, packedTransposed, zeros, 0, patches, patchRow);
      walkPatches(w, y, x.stride, row, count, gradientPlanes, patches, true);
    }
    if (!packedTransposed) continue;
    const pixel = x.stride;
    const planeRow = <usize>w.planeWidth * pixel;
    for (let n = 0; n < images; n++) {
      for (let i = 0; i < x.height; i++) {
        const row = (image + n) * x.pixels + i * x.width;
        const from = gradientPlanes + <usize>(n * w.planeHeight + w.top + i) * planeRow + <usize>w.left * pixel;
        giveRows(from, pixel, x.width, pixel, x.gradient + <usize>row * pixel, pixel, accumulate);
      }
      if (closes) closeRows(x, (image + n) * x.pixels, x.pixels, 0, pixel);
    }
  }
}
