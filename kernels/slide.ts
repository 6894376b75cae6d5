/*
 * Windows that slide over rows of pixels, 8 channels at a time with their weights in registers. A window is done in
 * rows of 5, 3, 2 or 1 taps, 3×3 as a whole. The functions for each are spelled out, since AssemblyScript has no
 * way to unroll a loop over values in registers.
 *
 * One walk goes over `rows` × `columns` pixels. `a` is what the window slides over: `aDown` and `aStep` lead to the next
 * row and pixel, `aTap` to the next tap of the window. `c` likewise is what belongs to each pixel alone.
 */

/** c = init + Σ of a line of taps, two pixels at a time where taps and pixels are as far apart (`isDense`): they share values. */
// @ts-ignore: decorator
@inline
function slideLine(
  taps: i32, isDense: bool, rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, w: usize, wTap: usize,
  init: usize, initDown: usize, initStep: usize, c: usize, cDown: usize, cStep: usize,
): void {
  const u0 = v128.load(w), v0 = v128.load(w, 16);
  let u1 = u0, v1 = v0, u2 = u0, v2 = v0, u3 = u0, v3 = v0, u4 = u0, v4 = v0;
  if (taps > 1) { w += wTap; u1 = v128.load(w); v1 = v128.load(w, 16); }
  if (taps > 2) { w += wTap; u2 = v128.load(w); v2 = v128.load(w, 16); }
  if (taps > 3) { w += wTap; u3 = v128.load(w); v3 = v128.load(w, 16); w += wTap; u4 = v128.load(w); v4 = v128.load(w, 16); }
  for (; rows > 0; rows--) {
    let at = a, from = init, to = c, n = columns;
    if (isDense) {
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

function slide5Dense(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, w: usize, wTap: usize,
  init: usize, initDown: usize, initStep: usize, c: usize, cDown: usize, cStep: usize,
): void {
  slideLine(5, true, rows, columns, a, aDown, aStep, aTap, w, wTap, init, initDown, initStep, c, cDown, cStep);
}

function slide5(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, w: usize, wTap: usize,
  init: usize, initDown: usize, initStep: usize, c: usize, cDown: usize, cStep: usize,
): void {
  slideLine(5, false, rows, columns, a, aDown, aStep, aTap, w, wTap, init, initDown, initStep, c, cDown, cStep);
}

function slide3Dense(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, w: usize, wTap: usize,
  init: usize, initDown: usize, initStep: usize, c: usize, cDown: usize, cStep: usize,
): void {
  slideLine(3, true, rows, columns, a, aDown, aStep, aTap, w, wTap, init, initDown, initStep, c, cDown, cStep);
}

function slide3(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, w: usize, wTap: usize,
  init: usize, initDown: usize, initStep: usize, c: usize, cDown: usize, cStep: usize,
): void {
  slideLine(3, false, rows, columns, a, aDown, aStep, aTap, w, wTap, init, initDown, initStep, c, cDown, cStep);
}

function slide2Dense(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, w: usize, wTap: usize,
  init: usize, initDown: usize, initStep: usize, c: usize, cDown: usize, cStep: usize,
): void {
  slideLine(2, true, rows, columns, a, aDown, aStep, aTap, w, wTap, init, initDown, initStep, c, cDown, cStep);
}

function slide2(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, w: usize, wTap: usize,
  init: usize, initDown: usize, initStep: usize, c: usize, cDown: usize, cStep: usize,
): void {
  slideLine(2, false, rows, columns, a, aDown, aStep, aTap, w, wTap, init, initDown, initStep, c, cDown, cStep);
}

function slide1(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, w: usize, wTap: usize,
  init: usize, initDown: usize, initStep: usize, c: usize, cDown: usize, cStep: usize,
): void {
  slideLine(1, false, rows, columns, a, aDown, aStep, aTap, w, wTap, init, initDown, initStep, c, cDown, cStep);
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
    let at = a, to = c;
    for (let n = columns; n > 0; n--) {
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

/** The same, two pixels at a time, where taps and pixels are as far apart. */
function dense3x3(
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
    let at = a, to = c;
    let n = columns;
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
    if (n > 0) {
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
  if (ky > kx) return slide(kx, ky, rows, columns, a, aDown, aStep, aRow, aTap, w, wRow, wTap, zeros, c, cDown, cStep, bytes);
  if (aTap + aStep == 0) {
    // From the other end: taps go the way that pixels go.
    a += <usize>(kx - 1) * aTap;
    w += <usize>(kx - 1) * wTap;
    aTap = aStep;
    wTap = -wTap;
  }
  const isDense = aTap == aStep;
  for (let j: usize = 0; j < bytes; j += 32) {
    if (ky == 3 && kx == 3) {
      if (isDense) dense3x3(rows, columns, a + j, aDown, aStep, aTap, aRow, w + j, wTap, wRow, c + j, cDown, cStep);
      else slide3x3(rows, columns, a + j, aDown, aStep, aTap, aRow, w + j, wTap, wRow, c + j, cDown, cStep);
      continue;
    }
    let from = zeros, fromDown: usize = 0, fromStep: usize = 0;
    let aLine = a + j, wLine = w + j;
    for (let y = ky; y > 0; y--) {
      let at = aLine, weight = wLine;
      let taps = 0;
      for (let left = kx; left > 0; left -= taps) {
        taps = left >= 5 ? 5 : min(left, 3);
        if (isDense) {
          if (taps == 5) slide5Dense(rows, columns, at, aDown, aStep, aTap, weight, wTap, from, fromDown, fromStep, c + j, cDown, cStep);
          else if (taps == 3) slide3Dense(rows, columns, at, aDown, aStep, aTap, weight, wTap, from, fromDown, fromStep, c + j, cDown, cStep);
          else if (taps == 2) slide2Dense(rows, columns, at, aDown, aStep, aTap, weight, wTap, from, fromDown, fromStep, c + j, cDown, cStep);
          else slide1(rows, columns, at, aDown, aStep, aTap, weight, wTap, from, fromDown, fromStep, c + j, cDown, cStep);
        } else if (taps == 5) slide5(rows, columns, at, aDown, aStep, aTap, weight, wTap, from, fromDown, fromStep, c + j, cDown, cStep);
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

/** dw += Σ c · a, 5 taps. */
function weigh5(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, c: usize, cDown: usize, cStep: usize, dw: usize, wTap: usize,
): void {
  const w1 = dw + wTap, w2 = w1 + wTap, w3 = w2 + wTap, w4 = w3 + wTap;
  let u0 = v128.load(dw), v0 = v128.load(dw, 16), u1 = v128.load(w1), v1 = v128.load(w1, 16);
  let u2 = v128.load(w2), v2 = v128.load(w2, 16), u3 = v128.load(w3), v3 = v128.load(w3, 16);
  let u4 = v128.load(w4), v4 = v128.load(w4, 16);
  for (; rows > 0; rows--) {
    let at = a, from = c;
    for (let n = columns; n > 0; n--) {
      const x = v128.load(from), y = v128.load(from, 16);
      let p = at;
      u0 = f32x4.add(u0, f32x4.mul(x, v128.load(p))); v0 = f32x4.add(v0, f32x4.mul(y, v128.load(p, 16)));
      p += aTap;
      u1 = f32x4.add(u1, f32x4.mul(x, v128.load(p))); v1 = f32x4.add(v1, f32x4.mul(y, v128.load(p, 16)));
      p += aTap;
      u2 = f32x4.add(u2, f32x4.mul(x, v128.load(p))); v2 = f32x4.add(v2, f32x4.mul(y, v128.load(p, 16)));
      p += aTap;
      u3 = f32x4.add(u3, f32x4.mul(x, v128.load(p))); v3 = f32x4.add(v3, f32x4.mul(y, v128.load(p, 16)));
      p += aTap;
      u4 = f32x4.add(u4, f32x4.mul(x, v128.load(p))); v4 = f32x4.add(v4, f32x4.mul(y, v128.load(p, 16)));
      at += aStep;
      from += cStep;
    }
    a += aDown;
    c += cDown;
  }
  v128.store(dw, u0); v128.store(dw, v0, 16); v128.store(w1, u1); v128.store(w1, v1, 16);
  v128.store(w2, u2); v128.store(w2, v2, 16); v128.store(w3, u3); v128.store(w3, v3, 16);
  v128.store(w4, u4); v128.store(w4, v4, 16);
}

/** dw += Σ c · a, 3 taps. */
function weigh3(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, c: usize, cDown: usize, cStep: usize, dw: usize, wTap: usize,
): void {
  const w1 = dw + wTap, w2 = w1 + wTap;
  let u0 = v128.load(dw), v0 = v128.load(dw, 16), u1 = v128.load(w1), v1 = v128.load(w1, 16);
  let u2 = v128.load(w2), v2 = v128.load(w2, 16);
  for (; rows > 0; rows--) {
    let at = a, from = c;
    for (let n = columns; n > 0; n--) {
      const x = v128.load(from), y = v128.load(from, 16);
      let p = at;
      u0 = f32x4.add(u0, f32x4.mul(x, v128.load(p))); v0 = f32x4.add(v0, f32x4.mul(y, v128.load(p, 16)));
      p += aTap;
      u1 = f32x4.add(u1, f32x4.mul(x, v128.load(p))); v1 = f32x4.add(v1, f32x4.mul(y, v128.load(p, 16)));
      p += aTap;
      u2 = f32x4.add(u2, f32x4.mul(x, v128.load(p))); v2 = f32x4.add(v2, f32x4.mul(y, v128.load(p, 16)));
      at += aStep;
      from += cStep;
    }
    a += aDown;
    c += cDown;
  }
  v128.store(dw, u0); v128.store(dw, v0, 16); v128.store(w1, u1); v128.store(w1, v1, 16);
  v128.store(w2, u2); v128.store(w2, v2, 16);
}

/** dw += Σ c · a, one tap. */
function weigh1(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, c: usize, cDown: usize, cStep: usize, dw: usize,
): void {
  let u = v128.load(dw), v = v128.load(dw, 16);
  for (; rows > 0; rows--) {
    let at = a, from = c;
    for (let n = columns; n > 0; n--) {
      u = f32x4.add(u, f32x4.mul(v128.load(from), v128.load(at)));
      v = f32x4.add(v, f32x4.mul(v128.load(from, 16), v128.load(at, 16)));
      at += aStep;
      from += cStep;
    }
    a += aDown;
    c += cDown;
  }
  v128.store(dw, u); v128.store(dw, v, 16);
}

/** dw += Σ c · a, a whole 3×3 window: nine independent sums, so that none waits for another. */
function weigh3x3(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, aRow: usize, c: usize, cDown: usize, cStep: usize,
  dw: usize, wTap: usize, wRow: usize,
): void {
  const w1 = dw + wRow, w2 = w1 + wRow;
  let u00 = v128.load(dw), v00 = v128.load(dw, 16), u01 = v128.load(dw + wTap), v01 = v128.load(dw + wTap, 16);
  let u02 = v128.load(dw + 2 * wTap), v02 = v128.load(dw + 2 * wTap, 16);
  let u10 = v128.load(w1), v10 = v128.load(w1, 16), u11 = v128.load(w1 + wTap), v11 = v128.load(w1 + wTap, 16);
  let u12 = v128.load(w1 + 2 * wTap), v12 = v128.load(w1 + 2 * wTap, 16);
  let u20 = v128.load(w2), v20 = v128.load(w2, 16), u21 = v128.load(w2 + wTap), v21 = v128.load(w2 + wTap, 16);
  let u22 = v128.load(w2 + 2 * wTap), v22 = v128.load(w2 + 2 * wTap, 16);
  for (; rows > 0; rows--) {
    let at = a, from = c;
    for (let n = columns; n > 0; n--) {
      const x = v128.load(from), y = v128.load(from, 16);
      let p = at;
      u00 = f32x4.add(u00, f32x4.mul(x, v128.load(p))); v00 = f32x4.add(v00, f32x4.mul(y, v128.load(p, 16)));
      p += aTap;
      u01 = f32x4.add(u01, f32x4.mul(x, v128.load(p))); v01 = f32x4.add(v01, f32x4.mul(y, v128.load(p, 16)));
      p += aTap;
      u02 = f32x4.add(u02, f32x4.mul(x, v128.load(p))); v02 = f32x4.add(v02, f32x4.mul(y, v128.load(p, 16)));
      p = at + aRow;
      u10 = f32x4.add(u10, f32x4.mul(x, v128.load(p))); v10 = f32x4.add(v10, f32x4.mul(y, v128.load(p, 16)));
      p += aTap;
      u11 = f32x4.add(u11, f32x4.mul(x, v128.load(p))); v11 = f32x4.add(v11, f32x4.mul(y, v128.load(p, 16)));
      p += aTap;
      u12 = f32x4.add(u12, f32x4.mul(x, v128.load(p))); v12 = f32x4.add(v12, f32x4.mul(y, v128.load(p, 16)));
      p = at + 2 * aRow;
      u20 = f32x4.add(u20, f32x4.mul(x, v128.load(p))); v20 = f32x4.add(v20, f32x4.mul(y, v128.load(p, 16)));
      p += aTap;
      u21 = f32x4.add(u21, f32x4.mul(x, v128.load(p))); v21 = f32x4.add(v21, f32x4.mul(y, v128.load(p, 16)));
      p += aTap;
      u22 = f32x4.add(u22, f32x4.mul(x, v128.load(p))); v22 = f32x4.add(v22, f32x4.mul(y, v128.load(p, 16)));
      at += aStep;
      from += cStep;
    }
    a += aDown;
    c += cDown;
  }
  v128.store(dw, u00); v128.store(dw, v00, 16); v128.store(dw + wTap, u01); v128.store(dw + wTap, v01, 16);
  v128.store(dw + 2 * wTap, u02); v128.store(dw + 2 * wTap, v02, 16);
  v128.store(w1, u10); v128.store(w1, v10, 16); v128.store(w1 + wTap, u11); v128.store(w1 + wTap, v11, 16);
  v128.store(w1 + 2 * wTap, u12); v128.store(w1 + 2 * wTap, v12, 16);
  v128.store(w2, u20); v128.store(w2, v20, 16); v128.store(w2 + wTap, u21); v128.store(w2 + wTap, v21, 16);
  v128.store(w2 + 2 * wTap, u22); v128.store(w2 + 2 * wTap, v22, 16);
}

/** dw += Σ c · a for a window of `kernel` × `kernel` taps and `bytes` of channels. */
export function weigh(
  kernel: i32, rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, aRow: usize, c: usize, cDown: usize, cStep: usize,
  dw: usize, wTap: usize, wRow: usize, bytes: usize,
): void {
  for (let j: usize = 0; j < bytes; j += 32) {
    if (kernel == 3) {
      weigh3x3(rows, columns, a + j, aDown, aStep, aTap, aRow, c + j, cDown, cStep, dw + j, wTap, wRow);
      continue;
    }
    let aLine = a + j, wLine = dw + j;
    for (let y = kernel; y > 0; y--) {
      let at = aLine, weight = wLine;
      let taps = 0;
      for (let left = kernel; left > 0; left -= taps) {
        taps = left >= 5 ? 5 : left >= 3 ? 3 : 1;
        if (taps == 5) weigh5(rows, columns, at, aDown, aStep, aTap, c + j, cDown, cStep, weight, wTap);
        else if (taps == 3) weigh3(rows, columns, at, aDown, aStep, aTap, c + j, cDown, cStep, weight, wTap);
        else weigh1(rows, columns, at, aDown, aStep, c + j, cDown, cStep, weight);
        at += <usize>taps * aTap;
        weight += <usize>taps * wTap;
      }
      aLine += aRow;
      wLine += wRow;
    }
  }
}
