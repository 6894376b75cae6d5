/** A matrix by rows. */
export type Matrix = readonly (readonly number[])[];

export const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);

/** Lower triangular L with L Lᵀ = A, for a symmetric positive definite A. */
function cholesky(a: Matrix): number[][] {
  const l = a.map(() => Array<number>(a.length).fill(0));
  for (const [i, row] of a.entries()) {
    for (let j = 0; j <= i; j++) {
      let sum = row[j]!;
      for (let k = 0; k < j; k++) sum -= l[i]![k]! * l[j]![k]!;
      if (i !== j) l[i]![j] = sum / l[j]![j]!;
      else if (sum > 0) l[i]![i] = Math.sqrt(sum);
      else throw new RangeError("Cannot solve: the matrix is not positive definite");
    }
  }
  return l;
}

/** A symmetric positive definite matrix A, taken apart once. Throws `RangeError` when it is none. */
export interface Factored {
  /** The x with A x = b. */
  readonly solve: (b: readonly number[]) => number[];
  /** The diagonal of the inverse of A. */
  readonly inverseDiagonal: () => number[];
}

export function factor(a: Matrix): Factored {
  const l = cholesky(a);
  /** L x = b in place, from a row on before which b is 0. */
  const forward = (x: number[], from = 0): number[] => {
    for (let i = from; i < x.length; i++) {
      const row = l[i]!;
      for (let k = from; k < i; k++) x[i]! -= row[k]! * x[k]!;
      x[i]! /= row[i]!;
    }
    return x;
  };
  return {
    solve(b) {
      const x = forward([...b]);
      for (let i = x.length - 1; i >= 0; i--) {
        x[i]! /= l[i]![i]!;
        for (let k = 0; k < i; k++) x[k]! -= l[i]![k]! * x[i]!;
      }
      return x;
    },
    inverseDiagonal: () =>
      a.map((_, i) => {
        const unit = forward(
          a.map((__, j) => (i === j ? 1 : 0)),
          i,
        );
        return dot(unit, unit);
      }),
  };
}

/** Rounds of coordinate descent; far more than it needs for a dozen columns. */
const mostRounds = 10_000;

/**
 * Least squares with weights that are not negative: the w ≥ 0 that minimises |X w − y|² + Σ ridge w², by coordinate
 * descent, which cannot miss it because the problem is convex.
 */
export function nonNegativeLeastSquares(x: Matrix, y: readonly number[], ridges: readonly number[]): number[] {
  const width = x[0]?.length ?? 0;
  const columns = Array.from({ length: width }, (_, j) => x.map((row) => row[j]!));
  const gram = columns.map((a, i) => columns.map((b, j) => dot(a, b) + (i === j ? ridges[i]! : 0)));
  const target = columns.map((column) => dot(column, y));
  const w = Array<number>(width).fill(0);
  for (let round = 0; round < mostRounds; round++) {
    let change = 0;
    for (let j = 0; j < width; j++) {
      if (!(gram[j]![j]! > 0)) continue;
      const next = Math.max(0, w[j]! + (target[j]! - dot(gram[j]!, w)) / gram[j]![j]!);
      change = Math.max(change, Math.abs(next - w[j]!));
      w[j] = next;
    }
    if (change < 1e-13) break;
  }
  return w;
}
