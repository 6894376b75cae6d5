/** Rank of each value from 1; equal values share the mean of their ranks. */
function ranks(values: readonly number[]): number[] {
  const sorted = values.toSorted((a, b) => a - b);
  return values.map((value) => (sorted.indexOf(value) + sorted.lastIndexOf(value)) / 2 + 1);
}

/** Throws unless there are two lists of one length, of which two or more. */
function checkPairs(a: readonly number[], b: readonly number[]): void {
  if (a.length !== b.length || a.length < 2) {
    throw new RangeError(`Cannot correlate ${a.length} values with ${b.length}: there must be as many, at least 2`);
  }
}

/** Rank correlation -1..1 of two lists of values (Spearman's rho, ties share ranks); NaN when one is all equal. */
export function spearman(a: readonly number[], b: readonly number[]): number {
  checkPairs(a, b);
  const mean = (a.length + 1) / 2;
  const [x, y] = [ranks(a), ranks(b)];
  const sum = (p: readonly number[], q: readonly number[]): number =>
    p.reduce((total, rank, i) => total + (rank - mean) * (q[i]! - mean), 0);
  return sum(x, y) / Math.sqrt(sum(x, x) * sum(y, y));
}

/** Rank correlation -1..1 by pairs in the same order and in opposite order (Kendall's tau-b); NaN when one is all equal. */
export function kendallTau(a: readonly number[], b: readonly number[]): number {
  checkPairs(a, b);
  let [agree, differInA, differInB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < i; j++) {
      const [x, y] = [Math.sign(a[i]! - a[j]!), Math.sign(b[i]! - b[j]!)];
      agree += x * y;
      differInA += x * x;
      differInB += y * y;
    }
  }
  return agree / Math.sqrt(differInA * differInB);
}

/** Mean absolute error of predictions as a share of what they should be; those must not be 0. */
export function mape(predicted: readonly number[], actual: readonly number[]): number {
  if (predicted.length !== actual.length || actual.length === 0)
    throw new RangeError(`Cannot compare ${predicted.length} predictions with ${actual.length} values`);
  return actual.reduce((sum, value, i) => sum + Math.abs(predicted[i]! / value - 1), 0) / actual.length;
}
