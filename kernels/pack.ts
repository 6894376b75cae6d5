/* Matrices of weights in the orders in which `matmulPacked` and others read them. */

/** [rows, columns] to panels of 16 columns; `columns` a multiple of 8. */
export function pack(rows: i32, columns: i32, from: usize, to: usize): void {
  const fromRow = (<usize>columns) << 2;
  for (let column: usize = 0; column < fromRow; column += 64) {
    const width = min<usize>(64, fromRow - column);
    for (let i = 0; i < rows; i++) {
      memory.copy(to, from + <usize>i * fromRow + column, width);
      to += 64;
    }
  }
}

/** [rows, columns] to panels of [columns, rows]; both multiples of 4. */
export function packTransposed(rows: i32, columns: i32, from: usize, to: usize): void {
  const panel = (<usize>columns) << 6;
  for (let row = 0; row < rows; row += 4) {
    const at = (<usize>row) << 2;
    transposeRows(columns, from, to + (at >> 6) * panel + (at & 63), 64);
    from += (<usize>columns) << 4;
  }
}

/** Four rows of `columns` to four columns of rows that are `toRow` apart. */
function transposeRows(columns: i32, from: usize, to: usize, toRow: usize): void {
  const fromRow = (<usize>columns) << 2;
  for (let j: usize = 0; j < fromRow; j += 16) {
    const source = from + j;
    const r0 = v128.load(source),
      r1 = v128.load(source + fromRow);
    const r2 = v128.load(source + 2 * fromRow),
      r3 = v128.load(source + 3 * fromRow);
    const x0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5),
      x1 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
    const x2 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5),
      x3 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f32>(x0, x2, 0, 1, 4, 5));
    v128.store(to + toRow, v128.shuffle<f32>(x0, x2, 2, 3, 6, 7));
    v128.store(to + 2 * toRow, v128.shuffle<f32>(x1, x3, 0, 1, 4, 5));
    v128.store(to + 3 * toRow, v128.shuffle<f32>(x1, x3, 2, 3, 6, 7));
    to += 4 * toRow;
  }
}

/** [rows, columns] to [columns, rows]; both multiples of 4. */
export function transpose(rows: i32, columns: i32, from: usize, to: usize): void {
  for (let row = 0; row < rows; row += 4) {
    transposeRows(columns, from, to, (<usize>rows) << 2);
    from += (<usize>columns) << 4;
    to += 16;
  }
}
