/* Rows (pixels) of values are moved and added; widths and distances are in bytes. */

/** The plain copy also serves images, whose channels need not be a multiple of 8. */
export function copyRows(source: usize, sourceRow: usize, rows: i32, width: usize, out: usize, outRow: usize): void {
  if (width == sourceRow && width == outRow) {
    memory.copy(out, source, <usize>rows * width);
    return;
  }
  for (; rows > 0; rows--) {
    // A call for each row would cost more than the copy.
    if (width & 31) memory.copy(out, source, width);
    else
      for (let j: usize = 0; j < width; j += 32) {
        v128.store(out + j, v128.load(source + j));
        v128.store(out + j, v128.load(source + j, 16), 16);
      }
    source += sourceRow;
    out += outRow;
  }
}

export function addRows(source: usize, sourceRow: usize, rows: i32, width: usize, out: usize, outRow: usize): void {
  for (; rows > 0; rows--) {
    for (let j: usize = 0; j < width; j += 32) {
      v128.store(out + j, f32x4.add(v128.load(out + j), v128.load(source + j)));
      v128.store(out + j, f32x4.add(v128.load(out + j, 16), v128.load(source + j, 16)), 16);
    }
    source += sourceRow;
    out += outRow;
  }
}

/** Stores or adds. */
export function giveRows(
  source: usize,
  sourceRow: usize,
  rows: i32,
  width: usize,
  out: usize,
  outRow: usize,
  accumulate: i32,
): void {
  if (accumulate) addRows(source, sourceRow, rows, width, out, outRow);
  else copyRows(source, sourceRow, rows, width, out, outRow);
}
