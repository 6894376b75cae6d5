/*
 * Windows that slide over rows of pixels, 8 channels at a time with their weights in registers. A window is done in
 * rows of 5, 3, 2 or 1 taps, 3×3 as a whole. Branches on taps are decided when the functions are compiled; steps are spelled
 * out, since AssemblyScript has no way to unroll a loop over values in registers.
 *
 * One walk goes over `rows` × `columns` pixels. `a` is what the window slides over: `aDown` and `aStep` lead to the next
 * row and pixel, `aTap` to the next tap of the window. `c` likewise is what belongs to each pixel alone.
 */

/** c = init + Σ of a line of taps. Where taps are as far apart as pixels, two pixels share values and are made together. */
// @ts-ignore: decorator
@inline
function slideLine(
  taps: i32, rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, w: usize, wTap: usize,
  init: usize, initDown: usize, initStep: usize, c: usize, cDown: usize, cStep: usize,
): void {
  const u0 = v128.load(w), v0 = v128.load(w, 16);
  let u1 = u0, v1 = v0, u2 = u0, v2 = v0, u3 = u0, v3 = v0, u4 = u0, v4 = v0;
  if (taps > 1) { w += wTap; u1 = v128.load(w); v1 = v128.load(w, 16); }
  if (taps > 2) { w += wTap; u2 = v128.load(w); v2 = v128.load(w, 16); }
  if (taps > 3) { w += wTap; u3 = v128.load(w); v3 = v128.load(w, 16); w += wTap; u4 = v128.load(w); v4 = v128.load(w, 16); }
  for (; rows > 0; rows--) {
    let at = a, from = init, to = c, n = columns;
    if (aTap == aStep) {
      for (; n > 1; n -= 2) {
        let x = v128.load(from), y = v128.load(from, 16);
        from += initStep;
        let z = v128.load(from), t = v128.load(from, 16);
        from += initStep;
        let p = at;
        x = f32x4.add(x, f32x4.mul(u0, v128.load(p))); y = f32x4.add(y, f32x4.mul(v0, v128.load(p, 16)));
        p += aTap;
        let e = v128.load(p), f = v128.load(p, 16);
        z = f32x4.add(z, f32x4.mul(u0, e)); t = f32x4.add(t, f32x4.mul(v0, f));
        if (taps > 1) {
          x = f32x4.add(x, f32x4.mul(u1, e)); y = f32x4.add(y, f32x4.mul(v1, f));
          p += aTap; e = v128.load(p); f = v128.load(p, 16);
          z = f32x4.add(z, f32x4.mul(u1, e)); t = f32x4.add(t, f32x4.mul(v1, f));
        }
        if (taps > 2) {
          x = f32x4.add(x, f32x4.mul(u2, e)); y = f32x4.add(y, f32x4.mul(v2, f));
          p += aTap; e = v128.load(p); f = v128.load(p, 16);
          z = f32x4.add(z, f32x4.mul(u2, e)); t = f32x4.add(t, f32x4.mul(v2, f));
        }
        if (taps > 3) {
          x = f32x4.add(x, f32x4.mul(u3, e)); y = f32x4.add(y, f32x4.mul(v3, f));
          p += aTap; e = v128.load(p); f = v128.load(p, 16);
          z = f32x4.add(z, f32x4.mul(u3, e)); t = f32x4.add(t, f32x4.mul(v3, f));
          x = f32x4.add(x, f32x4.mul(u4, e)); y = f32x4.add(y, f32x4.mul(v4, f));
          p += aTap; e = v128.load(p); f = v128.load(p, 16);
          z = f32x4.add(z, f32x4.mul(u4, e)); t = f32x4.add(t, f32x4.mul(v4, f));
        }
        v128.store(to, x); v128.store(to, y, 16);
        to += cStep;
        v128.store(to, z); v128.store(to, t, 16);
        to += cStep;
        at += 2 * aStep;
      }
    }
    for (; n > 0; n--) {
      let x = v128.load(from), y = v128.load(from, 16);
      let p = at;
      x = f32x4.add(x, f32x4.mul(u0, v128.load(p))); y = f32x4.add(y, f32x4.mul(v0, v128.load(p, 16)));
      if (taps > 1) { p += aTap; x = f32x4.add(x, f32x4.mul(u1, v128.load(p))); y = f32x4.add(y, f32x4.mul(v1, v128.load(p, 16))); }
      if (taps > 2) { p += aTap; x = f32x4.add(x, f32x4.mul(u2, v128.load(p))); y = f32x4.add(y, f32x4.mul(v2, v128.load(p, 16))); }
      if (taps > 3) {
        p += aTap; x = f32x4.add(x, f32x4.mul(u3, v128.load(p))); y = f32x4.add(y, f32x4.mul(v3, v128.load(p, 16)));
        p += aTap; x = f32x4.add(x, f32x4.mul(u4, v128.load(p))); y = f32x4.add(y, f32x4.mul(v4, v128.load(p, 16)));
      }
      v128.store(to, x); v128.store(to, y, 16);
      at += aStep;
      from += initStep;
      to += cStep;
    }
    a += aDown;
    init += initDown;
    c += cDown;
  }
}

function slide5(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, w: usize, wTap: usize,
  init: usize, initDown: usize, initStep: usize, c: usize, cDown: usize, cStep: usize,
): void {
  slideLine(5, rows, columns, a, aDown, aStep, aTap, w, wTap, init, initDown, initStep, c, cDown, cStep);
}

function slide3(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, w: usize, wTap: usize,
  init: usize, initDown: usize, initStep: usize, c: usize, cDown: usize, cStep: usize,
): void {
  slideLine(3, rows, columns, a, aDown, aStep, aTap, w, wTap, init, initDown, initStep, c, cDown, cStep);
}

function slide2(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, w: usize, wTap: usize,
  init: usize, initDown: usize, initStep: usize, c: usize, cDown: usize, cStep: usize,
): void {
  slideLine(2, rows, columns, a, aDown, aStep, aTap, w, wTap, init, initDown, initStep, c, cDown, cStep);
}

function slide1(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, w: usize, wTap: usize,
  init: usize, initDown: usize, initStep: usize, c: usize, cDown: usize, cStep: usize,
): void {
  slideLine(1, rows, columns, a, aDown, aStep, aTap, w, wTap, init, initDown, initStep, c, cDown, cStep);
}

/** c = a whole 3×3 window: no partial sums in memory. */
function slide3x3(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, aRow: usize, w: usize, wTap: usize, wRow: usize,
  c: usize, cDown: usize, cStep: usize,
): void {
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
  for (; rows > 0; rows--) {
    let at = a, to = c, n = columns;
    if (aTap == aStep) {
      for (; n > 1; n -= 2) {
        let p = at;
        let e = v128.load(p), f = v128.load(p, 16);
        let x = f32x4.mul(u00, e), y = f32x4.mul(v00, f);
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        let z = f32x4.mul(u00, e), t = f32x4.mul(v00, f);
        x = f32x4.add(x, f32x4.mul(u01, e)); y = f32x4.add(y, f32x4.mul(v01, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        z = f32x4.add(z, f32x4.mul(u01, e)); t = f32x4.add(t, f32x4.mul(v01, f));
        x = f32x4.add(x, f32x4.mul(u02, e)); y = f32x4.add(y, f32x4.mul(v02, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        z = f32x4.add(z, f32x4.mul(u02, e)); t = f32x4.add(t, f32x4.mul(v02, f));
        p = at + aRow;
        e = v128.load(p); f = v128.load(p, 16);
        x = f32x4.add(x, f32x4.mul(u10, e)); y = f32x4.add(y, f32x4.mul(v10, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        z = f32x4.add(z, f32x4.mul(u10, e)); t = f32x4.add(t, f32x4.mul(v10, f));
        x = f32x4.add(x, f32x4.mul(u11, e)); y = f32x4.add(y, f32x4.mul(v11, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        z = f32x4.add(z, f32x4.mul(u11, e)); t = f32x4.add(t, f32x4.mul(v11, f));
        x = f32x4.add(x, f32x4.mul(u12, e)); y = f32x4.add(y, f32x4.mul(v12, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        z = f32x4.add(z, f32x4.mul(u12, e)); t = f32x4.add(t, f32x4.mul(v12, f));
        p = at + 2 * aRow;
        e = v128.load(p); f = v128.load(p, 16);
        x = f32x4.add(x, f32x4.mul(u20, e)); y = f32x4.add(y, f32x4.mul(v20, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        z = f32x4.add(z, f32x4.mul(u20, e)); t = f32x4.add(t, f32x4.mul(v20, f));
        x = f32x4.add(x, f32x4.mul(u21, e)); y = f32x4.add(y, f32x4.mul(v21, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        z = f32x4.add(z, f32x4.mul(u21, e)); t = f32x4.add(t, f32x4.mul(v21, f));
        x = f32x4.add(x, f32x4.mul(u22, e)); y = f32x4.add(y, f32x4.mul(v22, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        z = f32x4.add(z, f32x4.mul(u22, e)); t = f32x4.add(t, f32x4.mul(v22, f));
        v128.store(to, x); v128.store(to, y, 16);
        to += cStep;
        v128.store(to, z); v128.store(to, t, 16);
        to += cStep;
        at += 2 * aStep;
      }
    }
    for (; n > 0; n--) {
      let p = at;
      let x = f32x4.mul(u00, v128.load(p)), y = f32x4.mul(v00, v128.load(p, 16));
      p += aTap;
      x = f32x4.add(x, f32x4.mul(u01, v128.load(p))); y = f32x4.add(y, f32x4.mul(v01, v128.load(p, 16)));
      p += aTap;
      x = f32x4.add(x, f32x4.mul(u02, v128.load(p))); y = f32x4.add(y, f32x4.mul(v02, v128.load(p, 16)));
      p = at + aRow;
      x = f32x4.add(x, f32x4.mul(u10, v128.load(p))); y = f32x4.add(y, f32x4.mul(v10, v128.load(p, 16)));
      p += aTap;
      x = f32x4.add(x, f32x4.mul(u11, v128.load(p))); y = f32x4.add(y, f32x4.mul(v11, v128.load(p, 16)));
      p += aTap;
      x = f32x4.add(x, f32x4.mul(u12, v128.load(p))); y = f32x4.add(y, f32x4.mul(v12, v128.load(p, 16)));
      p = at + 2 * aRow;
      x = f32x4.add(x, f32x4.mul(u20, v128.load(p))); y = f32x4.add(y, f32x4.mul(v20, v128.load(p, 16)));
      p += aTap;
      x = f32x4.add(x, f32x4.mul(u21, v128.load(p))); y = f32x4.add(y, f32x4.mul(v21, v128.load(p, 16)));
      p += aTap;
      x = f32x4.add(x, f32x4.mul(u22, v128.load(p))); y = f32x4.add(y, f32x4.mul(v22, v128.load(p, 16)));
      v128.store(to, x); v128.store(to, y, 16);
      at += aStep;
      to += cStep;
    }
    a += aDown;
    c += cDown;
  }
}

/** c = a window of `ky` × `kx` taps, for `bytes` of channels; `aRow`, `wRow` lead to the window's next row. */
export function slide(
  ky: i32, kx: i32, rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, aRow: usize,
  w: usize, wTap: usize, wRow: usize, zeros: usize, c: usize, cDown: usize, cStep: usize, bytes: usize,
): void {
  // Each line of the window is a walk over the pixels: the fewer, the better.
  if (ky > kx) return slide(kx, ky, rows, columns, a, aDown, aStep, aRow, aTap, w, wRow, wTap, zeros, c, cDown, cStep, bytes);
  if (aTap + aStep == 0) {
    // From the other end: taps go the way that pixels go.
    a += <usize>(kx - 1) * aTap;
    w += <usize>(kx - 1) * wTap;
    aTap = aStep;
    wTap = -wTap;
  }
  for (let j: usize = 0; j < bytes; j += 32) {
    if (ky == 3 && kx == 3) {
      slide3x3(rows, columns, a + j, aDown, aStep, aTap, aRow, w + j, wTap, wRow, c + j, cDown, cStep);
      continue;
    }
    let from = zeros, fromDown: usize = 0, fromStep: usize = 0;
    let aLine = a + j, wLine = w + j;
    for (let y = ky; y > 0; y--) {
      let at = aLine, weight = wLine;
      let taps = 0;
      for (let left = kx; left > 0; left -= taps) {
        taps = left >= 5 ? 5 : min(left, 3);
        if (taps == 5) slide5(rows, columns, at, aDown, aStep, aTap, weight, wTap, from, fromDown, fromStep, c + j, cDown, cStep);
        else if (taps == 3) slide3(rows, columns, at, aDown, aStep, aTap, weight, wTap, from, fromDown, fromStep, c + j, cDown, cStep);
        else if (taps == 2) slide2(rows, columns, at, aDown, aStep, aTap, weight, wTap, from, fromDown, fromStep, c + j, cDown, cStep);
        else slide1(rows, columns, at, aDown, aStep, aTap, weight, wTap, from, fromDown, fromStep, c + j, cDown, cStep);
        from = c + j;
        fromDown = cDown;
        fromStep = cStep;
        at += <usize>taps * aTap;
        weight += <usize>taps * wTap;
      }
      aLine += aRow;
      wLine += wRow;
    }
  }
}
