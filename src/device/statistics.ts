/** The value below which a share `q` of sorted samples lies, interpolated between neighbours (Hyndman and Fan, type 7). */
export function quantile(sorted: readonly number[], q: number): number {
  if (sorted.length === 0) throw new RangeError("Cannot take a quantile of no samples");
  const at = q * (sorted.length - 1);
  const below = sorted[Math.floor(at)]!;
  return below + (at - Math.floor(at)) * (sorted[Math.ceil(at)]! - below);
}

const sort = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b);

export const median = (values: Iterable<number>): number => quantile(sort(values), 0.5);

/** P(at most `k` heads in `n` tosses); `n` up to 1000, where 2^-n is still a number. */
function fairTosses(k: number, n: number): number {
  let term = 2 ** -n;
  let sum = term;
  for (let i = 1; i <= k; i++) {
    term *= (n - i + 1) / i;
    sum += term;
  }
  return sum;
}

/**
 * 95 % interval of the median of the distribution that sorted samples come from: two of the samples, chosen by the
 * binomial distribution, whatever the distribution is. With fewer than 6 samples it is their whole range, which
 * covers less. Samples must be independent; drift of a machine is not in it.
 */
export function medianInterval(sorted: readonly number[]): [low: number, high: number] {
  const n = sorted.length;
  if (n === 0) throw new RangeError("Cannot take the median of no samples");
  let rank = 0;
  if (n > 1000) rank = Math.floor((n - 1) / 2 - 0.98 * Math.sqrt(n));
  else while (fairTosses(rank + 1, n) <= 0.025) rank += 1;
  return [sorted[rank]!, sorted[n - 1 - rank]!];
}

/** Rank of each value from 1; equal values share the mean of their ranks. */
function ranks(values: readonly number[]): number[] {
  const sorted = sort(values);
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
export function kendall(a: readonly number[], b: readonly number[]): number {
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
