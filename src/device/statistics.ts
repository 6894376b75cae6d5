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
