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

/** The x with A x = b, for a symmetric positive definite A. */
export function solve(a: Matrix, b: readonly number[]): number[] {
  const l = cholesky(a);
  const x = [...b];
  for (let i = 0; i < x.length; i++) {
    for (let k = 0; k < i; k++) x[i]! -= l[i]![k]! * x[k]!;
    x[i]! /= l[i]![i]!;
  }
  for (let i = x.length - 1; i >= 0; i--) {
    for (let k = i + 1; k < x.length; k++) x[i]! -= l[k]![i]! * x[k]!;
    x[i]! /= l[i]![i]!;
  }
  return x;
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
