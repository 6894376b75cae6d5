/*
 * Gradients of the weights of windows that slide (slide.ts): 8 channels at a time, the sums of a line of 5, 3 or 1 taps, or of
 * a whole 3×3 window, in registers; two pixels share the values under both their windows. Arguments are as there.
 */

/** dw += Σ c · a, a line of taps. */
// @ts-ignore: decorator
@inline
function weighLine(
  taps: i32, rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, c: usize, cDown: usize, cStep: usize,
  dw: usize, wTap: usize,
): void {
  const w1 = dw + wTap, w2 = w1 + wTap, w3 = w2 + wTap, w4 = w3 + wTap;
  let u0 = v128.load(dw), v0 = v128.load(dw, 16);
  let u1 = u0, v1 = v0, u2 = u0, v2 = v0, u3 = u0, v3 = v0, u4 = u0, v4 = v0;
  if (taps > 1) {
    u1 = v128.load(w1); v1 = v128.load(w1, 16);
    u2 = v128.load(w2); v2 = v128.load(w2, 16);
  }
  if (taps > 3) {
    u3 = v128.load(w3); v3 = v128.load(w3, 16);
    u4 = v128.load(w4); v4 = v128.load(w4, 16);
  }
  for (; rows > 0; rows--) {
    let at = a, from = c, n = columns;
    if (taps > 1 && aTap == aStep) {
      for (; n > 1; n -= 2) {
        const x = v128.load(from), y = v128.load(from, 16);
        from += cStep;
        const z = v128.load(from), t = v128.load(from, 16);
        from += cStep;
        let p = at;
        let e = v128.load(p), f = v128.load(p, 16);
        u0 = f32x4.add(u0, f32x4.mul(x, e)); v0 = f32x4.add(v0, f32x4.mul(y, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        u1 = f32x4.add(u1, f32x4.mul(x, e)); v1 = f32x4.add(v1, f32x4.mul(y, f));
        u0 = f32x4.add(u0, f32x4.mul(z, e)); v0 = f32x4.add(v0, f32x4.mul(t, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        u2 = f32x4.add(u2, f32x4.mul(x, e)); v2 = f32x4.add(v2, f32x4.mul(y, f));
        u1 = f32x4.add(u1, f32x4.mul(z, e)); v1 = f32x4.add(v1, f32x4.mul(t, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        if (taps > 3) {
          u3 = f32x4.add(u3, f32x4.mul(x, e)); v3 = f32x4.add(v3, f32x4.mul(y, f));
          u2 = f32x4.add(u2, f32x4.mul(z, e)); v2 = f32x4.add(v2, f32x4.mul(t, f));
          p += aTap; e = v128.load(p); f = v128.load(p, 16);
          u4 = f32x4.add(u4, f32x4.mul(x, e)); v4 = f32x4.add(v4, f32x4.mul(y, f));
          u3 = f32x4.add(u3, f32x4.mul(z, e)); v3 = f32x4.add(v3, f32x4.mul(t, f));
          p += aTap; e = v128.load(p); f = v128.load(p, 16);
          u4 = f32x4.add(u4, f32x4.mul(z, e)); v4 = f32x4.add(v4, f32x4.mul(t, f));
        } else {
          u2 = f32x4.add(u2, f32x4.mul(z, e)); v2 = f32x4.add(v2, f32x4.mul(t, f));
        }
        at += 2 * aStep;
      }
    }
    for (; n > 0; n--) {
      const x = v128.load(from), y = v128.load(from, 16);
      let p = at;
      u0 = f32x4.add(u0, f32x4.mul(x, v128.load(p))); v0 = f32x4.add(v0, f32x4.mul(y, v128.load(p, 16)));
      if (taps > 1) {
        p += aTap;
        u1 = f32x4.add(u1, f32x4.mul(x, v128.load(p))); v1 = f32x4.add(v1, f32x4.mul(y, v128.load(p, 16)));
        p += aTap;
        u2 = f32x4.add(u2, f32x4.mul(x, v128.load(p))); v2 = f32x4.add(v2, f32x4.mul(y, v128.load(p, 16)));
      }
      if (taps > 3) {
        p += aTap;
        u3 = f32x4.add(u3, f32x4.mul(x, v128.load(p))); v3 = f32x4.add(v3, f32x4.mul(y, v128.load(p, 16)));
        p += aTap;
        u4 = f32x4.add(u4, f32x4.mul(x, v128.load(p))); v4 = f32x4.add(v4, f32x4.mul(y, v128.load(p, 16)));
      }
      at += aStep;
      from += cStep;
    }
    a += aDown;
    c += cDown;
  }
  v128.store(dw, u0); v128.store(dw, v0, 16);
  if (taps > 1) {
    v128.store(w1, u1); v128.store(w1, v1, 16);
    v128.store(w2, u2); v128.store(w2, v2, 16);
  }
  if (taps > 3) {
    v128.store(w3, u3); v128.store(w3, v3, 16);
    v128.store(w4, u4); v128.store(w4, v4, 16);
  }
}

function weigh5(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, c: usize, cDown: usize, cStep: usize, dw: usize, wTap: usize,
): void {
  weighLine(5, rows, columns, a, aDown, aStep, aTap, c, cDown, cStep, dw, wTap);
}

function weigh3(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, c: usize, cDown: usize, cStep: usize, dw: usize, wTap: usize,
): void {
  weighLine(3, rows, columns, a, aDown, aStep, aTap, c, cDown, cStep, dw, wTap);
}

function weigh1(
  rows: i32, columns: i32, a: usize, aDown: usize, aStep: usize, aTap: usize, c: usize, cDown: usize, cStep: usize, dw: usize, wTap: usize,
): void {
  weighLine(1, rows, columns, a, aDown, aStep, aTap, c, cDown, cStep, dw, wTap);
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
    let at = a, from = c, n = columns;
    if (aTap == aStep) {
      for (; n > 1; n -= 2) {
        const x = v128.load(from), y = v128.load(from, 16);
        from += cStep;
        const z = v128.load(from), t = v128.load(from, 16);
        from += cStep;
        let p = at;
        let e = v128.load(p), f = v128.load(p, 16);
        u00 = f32x4.add(u00, f32x4.mul(x, e)); v00 = f32x4.add(v00, f32x4.mul(y, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        u01 = f32x4.add(u01, f32x4.mul(x, e)); v01 = f32x4.add(v01, f32x4.mul(y, f));
        u00 = f32x4.add(u00, f32x4.mul(z, e)); v00 = f32x4.add(v00, f32x4.mul(t, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        u02 = f32x4.add(u02, f32x4.mul(x, e)); v02 = f32x4.add(v02, f32x4.mul(y, f));
        u01 = f32x4.add(u01, f32x4.mul(z, e)); v01 = f32x4.add(v01, f32x4.mul(t, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        u02 = f32x4.add(u02, f32x4.mul(z, e)); v02 = f32x4.add(v02, f32x4.mul(t, f));
        p = at + aRow;
        e = v128.load(p); f = v128.load(p, 16);
        u10 = f32x4.add(u10, f32x4.mul(x, e)); v10 = f32x4.add(v10, f32x4.mul(y, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        u11 = f32x4.add(u11, f32x4.mul(x, e)); v11 = f32x4.add(v11, f32x4.mul(y, f));
        u10 = f32x4.add(u10, f32x4.mul(z, e)); v10 = f32x4.add(v10, f32x4.mul(t, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        u12 = f32x4.add(u12, f32x4.mul(x, e)); v12 = f32x4.add(v12, f32x4.mul(y, f));
        u11 = f32x4.add(u11, f32x4.mul(z, e)); v11 = f32x4.add(v11, f32x4.mul(t, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        u12 = f32x4.add(u12, f32x4.mul(z, e)); v12 = f32x4.add(v12, f32x4.mul(t, f));
        p = at + 2 * aRow;
        e = v128.load(p); f = v128.load(p, 16);
        u20 = f32x4.add(u20, f32x4.mul(x, e)); v20 = f32x4.add(v20, f32x4.mul(y, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        u21 = f32x4.add(u21, f32x4.mul(x, e)); v21 = f32x4.add(v21, f32x4.mul(y, f));
        u20 = f32x4.add(u20, f32x4.mul(z, e)); v20 = f32x4.add(v20, f32x4.mul(t, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        u22 = f32x4.add(u22, f32x4.mul(x, e)); v22 = f32x4.add(v22, f32x4.mul(y, f));
        u21 = f32x4.add(u21, f32x4.mul(z, e)); v21 = f32x4.add(v21, f32x4.mul(t, f));
        p += aTap; e = v128.load(p); f = v128.load(p, 16);
        u22 = f32x4.add(u22, f32x4.mul(z, e)); v22 = f32x4.add(v22, f32x4.mul(t, f));
        at += 2 * aStep;
      }
    }
    for (; n > 0; n--) {
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
        else weigh1(rows, columns, at, aDown, aStep, aTap, c + j, cDown, cStep, weight, wTap);
        at += <usize>taps * aTap;
        weight += <usize>taps * wTap;
      }
      aLine += aRow;
      wLine += wRow;
    }
  }
}
