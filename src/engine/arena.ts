/** A run of memory that is needed from one call of the program to another. */
export interface Buffer {
  readonly bytes: number;
  /** Position of the first and the last call that touches it. */
  first: number;
  last: number;
  /** Address, once planned. */
  offset: number;
}

export const createBuffer = (bytes: number): Buffer => ({
  bytes: align(bytes),
  first: Infinity,
  last: -Infinity,
  offset: NaN,
});

/** A cache line. */
export const align = (bytes: number): number => Math.ceil(bytes / 64) * 64;

/**
 * Gives each buffer a place such that no two that live at the same time overlap; returns the end. The largest goes
 * first, each to the lowest gap that fits it.
 */
export function planArena(buffers: readonly Buffer[], base: number): number {
  const placed: Buffer[] = [];
  let end = base;
  for (const buffer of [...buffers].sort((a, b) => b.bytes - a.bytes)) {
    let at = base;
    // `placed` is in order of address.
    for (const other of placed) {
      if (other.last < buffer.first || other.first > buffer.last) continue;
      if (at + buffer.bytes <= other.offset) break;
      at = Math.max(at, other.offset + other.bytes);
    }
    buffer.offset = at;
    const index = placed.findIndex((other) => other.offset > at);
    placed.splice(index < 0 ? placed.length : index, 0, buffer);
    end = Math.max(end, at + buffer.bytes);
  }
  return end;
}
