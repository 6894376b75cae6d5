/*
 * C = init + A · B, all row-major. A has its columns side by side (forward, and gradients of inputs, where B are weights or
 * their transpose, packed; B is small and not packed where an expansion begins and ends) or its rows (gradients of weights, where init
 * is C itself).
 *
 * Accumulators start by loading: a tile that starts from zeros and adds to C at its end is not merged into 256-bit
 * operations by V8's revectorizer and runs at 35 to 53 instead of 70 GFLOP/s and more. For the same reason every loop here
 * works on pairs of neighbouring vectors.
 */

/** 16 columns of B. `isRows`: `aStep` is between rows of A, whose columns lie side by side; otherwise the other way round. */
// @ts-ignore: decorator
@inline
function panel16(
  isRows: bool, isPacked: bool, rows: i32, depth: i32, a: usize, aStep: usize, b: usize, bRow: usize, init: usize, initRow: usize, c: usize, cRow: usize,
): void {
  for (; rows > 0; rows -= 4) {
    let a0 = a, a1 = a0 + aStep, a2 = a1 + aStep, a3 = a2 + aStep;
    a = isRows ? a3 + aStep : a + 16;
    let c00 = v128.load(init), c01 = v128.load(init, 16), c02 = v128.load(init, 32), c03 = v128.load(init, 48);
    init += initRow;
    let c10 = v128.load(init), c11 = v128.load(init, 16), c12 = v128.load(init, 32), c13 = v128.load(init, 48);
    init += initRow;
    let c20 = v128.load(init), c21 = v128.load(init, 16), c22 = v128.load(init, 32), c23 = v128.load(init, 48);
    init += initRow;
    let c30 = v128.load(init), c31 = v128.load(init, 16), c32 = v128.load(init, 32), c33 = v128.load(init, 48);
    init += initRow;
    let at = b;
    for (let i = depth >> 1; i > 0; i--) {
      let b0 = v128.load(at), b1 = v128.load(at, 16), b2 = v128.load(at, 32), b3 = v128.load(at, 48);
      let s = v128.load32_splat(a0);
      c00 = f32x4.add(c00, f32x4.mul(s, b0)); c01 = f32x4.add(c01, f32x4.mul(s, b1));
      c02 = f32x4.add(c02, f32x4.mul(s, b2)); c03 = f32x4.add(c03, f32x4.mul(s, b3));
      s = isRows ? v128.load32_splat(a1) : v128.load32_splat(a0, 4);
      c10 = f32x4.add(c10, f32x4.mul(s, b0)); c11 = f32x4.add(c11, f32x4.mul(s, b1));
      c12 = f32x4.add(c12, f32x4.mul(s, b2)); c13 = f32x4.add(c13, f32x4.mul(s, b3));
      s = isRows ? v128.load32_splat(a2) : v128.load32_splat(a0, 8);
      c20 = f32x4.add(c20, f32x4.mul(s, b0)); c21 = f32x4.add(c21, f32x4.mul(s, b1));
      c22 = f32x4.add(c22, f32x4.mul(s, b2)); c23 = f32x4.add(c23, f32x4.mul(s, b3));
      s = isRows ? v128.load32_splat(a3) : v128.load32_splat(a0, 12);
      c30 = f32x4.add(c30, f32x4.mul(s, b0)); c31 = f32x4.add(c31, f32x4.mul(s, b1));
      c32 = f32x4.add(c32, f32x4.mul(s, b2)); c33 = f32x4.add(c33, f32x4.mul(s, b3));
      if (isPacked) {
        b0 = v128.load(at, 64); b1 = v128.load(at, 80); b2 = v128.load(at, 96); b3 = v128.load(at, 112);
        at += 128;
      } else {
        at += bRow;
        b0 = v128.load(at); b1 = v128.load(at, 16); b2 = v128.load(at, 32); b3 = v128.load(at, 48);
        at += bRow;
      }
      if (!isRows) a0 += aStep;
      s = isRows ? v128.load32_splat(a0, 4) : v128.load32_splat(a0);
      c00 = f32x4.add(c00, f32x4.mul(s, b0)); c01 = f32x4.add(c01, f32x4.mul(s, b1));
      c02 = f32x4.add(c02, f32x4.mul(s, b2)); c03 = f32x4.add(c03, f32x4.mul(s, b3));
      s = isRows ? v128.load32_splat(a1, 4) : v128.load32_splat(a0, 4);
      c10 = f32x4.add(c10, f32x4.mul(s, b0)); c11 = f32x4.add(c11, f32x4.mul(s, b1));
      c12 = f32x4.add(c12, f32x4.mul(s, b2)); c13 = f32x4.add(c13, f32x4.mul(s, b3));
      s = isRows ? v128.load32_splat(a2, 4) : v128.load32_splat(a0, 8);
      c20 = f32x4.add(c20, f32x4.mul(s, b0)); c21 = f32x4.add(c21, f32x4.mul(s, b1));
      c22 = f32x4.add(c22, f32x4.mul(s, b2)); c23 = f32x4.add(c23, f32x4.mul(s, b3));
      s = isRows ? v128.load32_splat(a3, 4) : v128.load32_splat(a0, 12);
      c30 = f32x4.add(c30, f32x4.mul(s, b0)); c31 = f32x4.add(c31, f32x4.mul(s, b1));
      c32 = f32x4.add(c32, f32x4.mul(s, b2)); c33 = f32x4.add(c33, f32x4.mul(s, b3));
      if (isRows) {
        a0 += 8; a1 += 8; a2 += 8; a3 += 8;
      } else a0 += aStep;
    }
    if (depth & 1) {
      const b0 = v128.load(at), b1 = v128.load(at, 16), b2 = v128.load(at, 32), b3 = v128.load(at, 48);
      let s = v128.load32_splat(a0);
      c00 = f32x4.add(c00, f32x4.mul(s, b0)); c01 = f32x4.add(c01, f32x4.mul(s, b1));
      c02 = f32x4.add(c02, f32x4.mul(s, b2)); c03 = f32x4.add(c03, f32x4.mul(s, b3));
      s = isRows ? v128.load32_splat(a1) : v128.load32_splat(a0, 4);
      c10 = f32x4.add(c10, f32x4.mul(s, b0)); c11 = f32x4.add(c11, f32x4.mul(s, b1));
      c12 = f32x4.add(c12, f32x4.mul(s, b2)); c13 = f32x4.add(c13, f32x4.mul(s, b3));
      s = isRows ? v128.load32_splat(a2) : v128.load32_splat(a0, 8);
      c20 = f32x4.add(c20, f32x4.mul(s, b0)); c21 = f32x4.add(c21, f32x4.mul(s, b1));
      c22 = f32x4.add(c22, f32x4.mul(s, b2)); c23 = f32x4.add(c23, f32x4.mul(s, b3));
      s = isRows ? v128.load32_splat(a3) : v128.load32_splat(a0, 12);
      c30 = f32x4.add(c30, f32x4.mul(s, b0)); c31 = f32x4.add(c31, f32x4.mul(s, b1));
      c32 = f32x4.add(c32, f32x4.mul(s, b2)); c33 = f32x4.add(c33, f32x4.mul(s, b3));
    }
    v128.store(c, c00); v128.store(c, c01, 16); v128.store(c, c02, 32); v128.store(c, c03, 48);
    c += cRow;
    v128.store(c, c10); v128.store(c, c11, 16); v128.store(c, c12, 32); v128.store(c, c13, 48);
    c += cRow;
    v128.store(c, c20); v128.store(c, c21, 16); v128.store(c, c22, 32); v128.store(c, c23, 48);
    c += cRow;
    v128.store(c, c30); v128.store(c, c31, 16); v128.store(c, c32, 32); v128.store(c, c33, 48);
    c += cRow;
  }
}

/** 8 columns of B. `isRows`: `aStep` is between rows of A, whose columns lie side by side; otherwise the other way round. */
// @ts-ignore: decorator
@inline
function panel8(
  isRows: bool, rows: i32, depth: i32, a: usize, aStep: usize, b: usize, bRow: usize, init: usize, initRow: usize, c: usize, cRow: usize,
): void {
  for (; rows > 0; rows -= 4) {
    let a0 = a, a1 = a0 + aStep, a2 = a1 + aStep, a3 = a2 + aStep;
    a = isRows ? a3 + aStep : a + 16;
    let c00 = v128.load(init), c01 = v128.load(init, 16);
    init += initRow;
    let c10 = v128.load(init), c11 = v128.load(init, 16);
    init += initRow;
    let c20 = v128.load(init), c21 = v128.load(init, 16);
    init += initRow;
    let c30 = v128.load(init), c31 = v128.load(init, 16);
    init += initRow;
    let at = b;
    for (let i = depth >> 1; i > 0; i--) {
      let b0 = v128.load(at), b1 = v128.load(at, 16);
      let s = v128.load32_splat(a0);
      c00 = f32x4.add(c00, f32x4.mul(s, b0)); c01 = f32x4.add(c01, f32x4.mul(s, b1));
      s = isRows ? v128.load32_splat(a1) : v128.load32_splat(a0, 4);
      c10 = f32x4.add(c10, f32x4.mul(s, b0)); c11 = f32x4.add(c11, f32x4.mul(s, b1));
      s = isRows ? v128.load32_splat(a2) : v128.load32_splat(a0, 8);
      c20 = f32x4.add(c20, f32x4.mul(s, b0)); c21 = f32x4.add(c21, f32x4.mul(s, b1));
      s = isRows ? v128.load32_splat(a3) : v128.load32_splat(a0, 12);
      c30 = f32x4.add(c30, f32x4.mul(s, b0)); c31 = f32x4.add(c31, f32x4.mul(s, b1));
      at += bRow;
      b0 = v128.load(at); b1 = v128.load(at, 16);
      at += bRow;
      if (!isRows) a0 += aStep;
      s = isRows ? v128.load32_splat(a0, 4) : v128.load32_splat(a0);
      c00 = f32x4.add(c00, f32x4.mul(s, b0)); c01 = f32x4.add(c01, f32x4.mul(s, b1));
      s = isRows ? v128.load32_splat(a1, 4) : v128.load32_splat(a0, 4);
      c10 = f32x4.add(c10, f32x4.mul(s, b0)); c11 = f32x4.add(c11, f32x4.mul(s, b1));
      s = isRows ? v128.load32_splat(a2, 4) : v128.load32_splat(a0, 8);
      c20 = f32x4.add(c20, f32x4.mul(s, b0)); c21 = f32x4.add(c21, f32x4.mul(s, b1));
      s = isRows ? v128.load32_splat(a3, 4) : v128.load32_splat(a0, 12);
      c30 = f32x4.add(c30, f32x4.mul(s, b0)); c31 = f32x4.add(c31, f32x4.mul(s, b1));
      if (isRows) {
        a0 += 8; a1 += 8; a2 += 8; a3 += 8;
      } else a0 += aStep;
    }
    if (depth & 1) {
      const b0 = v128.load(at), b1 = v128.load(at, 16);
      let s = v128.load32_splat(a0);
      c00 = f32x4.add(c00, f32x4.mul(s, b0)); c01 = f32x4.add(c01, f32x4.mul(s, b1));
      s = isRows ? v128.load32_splat(a1) : v128.load32_splat(a0, 4);
      c10 = f32x4.add(c10, f32x4.mul(s, b0)); c11 = f32x4.add(c11, f32x4.mul(s, b1));
      s = isRows ? v128.load32_splat(a2) : v128.load32_splat(a0, 8);
      c20 = f32x4.add(c20, f32x4.mul(s, b0)); c21 = f32x4.add(c21, f32x4.mul(s, b1));
      s = isRows ? v128.load32_splat(a3) : v128.load32_splat(a0, 12);
      c30 = f32x4.add(c30, f32x4.mul(s, b0)); c31 = f32x4.add(c31, f32x4.mul(s, b1));
    }
    v128.store(c, c00); v128.store(c, c01, 16);
    c += cRow;
    v128.store(c, c10); v128.store(c, c11, 16);
    c += cRow;
    v128.store(c, c20); v128.store(c, c21, 16);
    c += cRow;
    v128.store(c, c30); v128.store(c, c31, 16);
    c += cRow;
  }
}

function rows16(
  rows: i32, depth: i32, a: usize, aStep: usize, b: usize, bRow: usize, init: usize, initRow: usize, c: usize, cRow: usize,
): void {
  panel16(true, false, rows, depth, a, aStep, b, bRow, init, initRow, c, cRow);
}

function columns16(
  rows: i32, depth: i32, a: usize, aStep: usize, b: usize, bRow: usize, init: usize, initRow: usize, c: usize, cRow: usize,
): void {
  panel16(false, false, rows, depth, a, aStep, b, bRow, init, initRow, c, cRow);
}

function rows8(
  rows: i32, depth: i32, a: usize, aStep: usize, b: usize, bRow: usize, init: usize, initRow: usize, c: usize, cRow: usize,
): void {
  panel8(true, rows, depth, a, aStep, b, bRow, init, initRow, c, cRow);
}

function columns8(
  rows: i32, depth: i32, a: usize, aStep: usize, b: usize, bRow: usize, init: usize, initRow: usize, c: usize, cRow: usize,
): void {
  panel8(false, rows, depth, a, aStep, b, bRow, init, initRow, c, cRow);
}

function packed16(
  rows: i32, depth: i32, a: usize, aStep: usize, b: usize, init: usize, initRow: usize, c: usize, cRow: usize,
): void {
  panel16(true, true, rows, depth, a, aStep, b, 64, init, initRow, c, cRow);
}

/** 8 columns of packed B, 8 rows at a time: fewer sums would wait for one another. */
function packed8(
  rows: i32, depth: i32, a: usize, aStep: usize, b: usize, init: usize, initRow: usize, c: usize, cRow: usize,
): void {
  for (; rows > 4; rows -= 8) {
    let a0 = a, a1 = a0 + aStep, a2 = a1 + aStep, a3 = a2 + aStep, a4 = a3 + aStep, a5 = a4 + aStep, a6 = a5 + aStep, a7 = a6 + aStep;
    a = a7 + aStep;
    let c00 = v128.load(init), c01 = v128.load(init, 16);
    init += initRow;
    let c10 = v128.load(init), c11 = v128.load(init, 16);
    init += initRow;
    let c20 = v128.load(init), c21 = v128.load(init, 16);
    init += initRow;
    let c30 = v128.load(init), c31 = v128.load(init, 16);
    init += initRow;
    let c40 = v128.load(init), c41 = v128.load(init, 16);
    init += initRow;
    let c50 = v128.load(init), c51 = v128.load(init, 16);
    init += initRow;
    let c60 = v128.load(init), c61 = v128.load(init, 16);
    init += initRow;
    let c70 = v128.load(init), c71 = v128.load(init, 16);
    init += initRow;
    let at = b;
    for (let i = depth; i > 0; i--) {
      const b0 = v128.load(at), b1 = v128.load(at, 16);
      at += 64;
      let s = v128.load32_splat(a0);
      c00 = f32x4.add(c00, f32x4.mul(s, b0)); c01 = f32x4.add(c01, f32x4.mul(s, b1));
      s = v128.load32_splat(a1);
      c10 = f32x4.add(c10, f32x4.mul(s, b0)); c11 = f32x4.add(c11, f32x4.mul(s, b1));
      s = v128.load32_splat(a2);
      c20 = f32x4.add(c20, f32x4.mul(s, b0)); c21 = f32x4.add(c21, f32x4.mul(s, b1));
      s = v128.load32_splat(a3);
      c30 = f32x4.add(c30, f32x4.mul(s, b0)); c31 = f32x4.add(c31, f32x4.mul(s, b1));
      s = v128.load32_splat(a4);
      c40 = f32x4.add(c40, f32x4.mul(s, b0)); c41 = f32x4.add(c41, f32x4.mul(s, b1));
      s = v128.load32_splat(a5);
      c50 = f32x4.add(c50, f32x4.mul(s, b0)); c51 = f32x4.add(c51, f32x4.mul(s, b1));
      s = v128.load32_splat(a6);
      c60 = f32x4.add(c60, f32x4.mul(s, b0)); c61 = f32x4.add(c61, f32x4.mul(s, b1));
      s = v128.load32_splat(a7);
      c70 = f32x4.add(c70, f32x4.mul(s, b0)); c71 = f32x4.add(c71, f32x4.mul(s, b1));
      a0 += 4; a1 += 4; a2 += 4; a3 += 4; a4 += 4; a5 += 4; a6 += 4; a7 += 4;
    }
    v128.store(c, c00); v128.store(c, c01, 16);
    c += cRow;
    v128.store(c, c10); v128.store(c, c11, 16);
    c += cRow;
    v128.store(c, c20); v128.store(c, c21, 16);
    c += cRow;
    v128.store(c, c30); v128.store(c, c31, 16);
    c += cRow;
    v128.store(c, c40); v128.store(c, c41, 16);
    c += cRow;
    v128.store(c, c50); v128.store(c, c51, 16);
    c += cRow;
    v128.store(c, c60); v128.store(c, c61, 16);
    c += cRow;
    v128.store(c, c70); v128.store(c, c71, 16);
    c += cRow;
  }
  rows8(rows, depth, a, aStep, b, 64, init, initRow, c, cRow);
}

/**
 * C[rows, columns] = init + A[rows, depth] · B[depth, columns]; strides in bytes, `columns` a multiple of 8.
 *
 * A has its columns (`aColumn` = 4) or its rows (`aRow` = 4) side by side. Computes `rows` rounded up to a multiple of 4: A may
 * be read, and C written, up to 3 rows past the end.
 */
export function matmul(
  rows: i32, depth: i32, columns: i32,
  a: usize, aRow: usize, aColumn: usize, b: usize, bRow: usize,
  init: usize, initRow: usize, c: usize, cRow: usize,
): void {
  let column: usize = 0;
  const end = (<usize>columns) << 2;
  if (aColumn == 4) {
    for (; column + 64 <= end; column += 64) rows16(rows, depth, a, aRow, b + column, bRow, init + column, initRow, c + column, cRow);
    for (; column < end; column += 32) rows8(rows, depth, a, aRow, b + column, bRow, init + column, initRow, c + column, cRow);
  } else {
    for (; column + 64 <= end; column += 64) columns16(rows, depth, a, aColumn, b + column, bRow, init + column, initRow, c + column, cRow);
    for (; column < end; column += 32) columns8(rows, depth, a, aColumn, b + column, bRow, init + column, initRow, c + column, cRow);
  }
}

/**
 * The same where A has its columns side by side and B is packed: its panels of 16 columns one after the other, so that
 * they are read as they lie. `pack` and `packTransposed` make it so.
 */
export function matmulPacked(
  rows: i32, depth: i32, columns: i32, a: usize, aRow: usize, b: usize, init: usize, initRow: usize, c: usize, cRow: usize,
): void {
  let column: usize = 0;
  const end = (<usize>columns) << 2;
  for (; column + 64 <= end; column += 64) {
    packed16(rows, depth, a, aRow, b, init + column, initRow, c + column, cRow);
    b += <usize>depth << 6;
  }
  if (column < end) packed8(rows, depth, a, aRow, b, init + column, initRow, c + column, cRow);
}
