import { kendallTau } from "../../util/correlation.ts";
import { createRng, type Rng } from "../../util/rng.ts";
import { mean, variance } from "../../util/welch.ts";

/** Accuracies of networks: `[network][seed]`. */
export type Accuracies = readonly (readonly number[])[];

/** How well a proxy ranks networks, against their mean accuracies after full training. */
export interface Ranking {
  /** Kendall's tau-b of one proxy training each, as a search has it: the mean over seeds; 0 where it ranks nothing. */
  readonly kendall: number;
  /** 95 % interval over other networks of the space, by bootstrap. */
  readonly low: number;
  readonly high: number;
  /** Pooled standard deviation of the proxy's accuracy between seeds. */
  readonly seedNoise: number;
  /** Kendall that a proxy would have which ranks as full training does, but for the noise of the seeds of both. */
  readonly possible: number;
  /** Whether another proxy's greater Kendall could be chance: within one standard error of the difference. */
  readonly isWithinNoise: boolean;
}

const draws = 2000;

const deviation = (values: readonly number[]): number => Math.sqrt(variance(values));

/** A list of equal values ranks nothing. */
const tau = (a: readonly number[], b: readonly number[]): number => {
  const value = kendallTau(a, b);
  return Number.isNaN(value) ? 0 : value;
};

/** Standard deviation between seeds, the same for all networks. */
export const pooledDeviation = (accuracies: Accuracies): number => Math.sqrt(mean(accuracies.map(variance)));

/** Kendall of one proxy training each with the mean of the full ones, the mean over the seeds of the proxy. */
function meanTau(proxy: Accuracies, full: readonly number[]): number {
  const columns = proxy[0]!.map((_, seed) => proxy.map((row) => row[seed]!));
  return mean(columns.map((column) => tau(column, full)));
}

/** Values moved to their mean until they vary as much as they would without noise. */
function withoutNoise(accuracies: Accuracies): number[] {
  const means = accuracies.map(mean);
  const spread = variance(means);
  const noise = pooledDeviation(accuracies) ** 2 / accuracies[0]!.length;
  const share = spread === 0 ? 0 : Math.sqrt(Math.max(0, 1 - noise / spread));
  const middle = mean(means);
  return means.map((value) => middle + share * (value - middle));
}

/** Standard deviation between networks, without what the noise of seeds adds to it. */
export const networkDeviation = (accuracies: Accuracies): number => deviation(withoutNoise(accuracies));

function possibleTau(proxy: Accuracies, full: Accuracies, rng: Rng): number {
  const signal = withoutNoise(full);
  const [spread, wanted] = [variance(signal), variance(withoutNoise(proxy))];
  const scale = spread === 0 ? 0 : Math.sqrt(wanted / spread);
  const [proxyNoise, fullNoise] = [pooledDeviation(proxy), pooledDeviation(full) / Math.sqrt(full[0]!.length)];
  const drawn = Array.from({ length: draws / 4 }, () =>
    tau(
      signal.map((value) => scale * value + proxyNoise * rng.normal()),
      signal.map((value) => value + fullNoise * rng.normal()),
    ),
  );
  return mean(drawn);
}

/** Ranks proxies, each given by its accuracies of the same networks; three networks or more. */
export function rankingsOf(proxies: readonly Accuracies[], full: Accuracies): Ranking[] {
  const rng = createRng("validate-proxy");
  const truth = full.map(mean);
  const found = proxies.map((proxy) => meanTau(proxy, truth));
  // The same networks for all proxies, so that differences between proxies are of these alone.
  const resampled = Array.from({ length: draws }, () => {
    const rows = truth.map(() => rng.int(truth.length));
    return proxies.map((proxy) =>
      meanTau(
        rows.map((row) => proxy[row]!),
        rows.map((row) => truth[row]!),
      ),
    );
  });
  const best = found.indexOf(Math.max(...found));
  return proxies.map((proxy, p) => {
    const sorted = resampled.map((taus) => taus[p]!).sort((a, b) => a - b);
    const error = deviation(resampled.map((taus) => taus[best]! - taus[p]!));
    return {
      kendall: found[p]!,
      low: sorted[Math.floor(0.025 * draws)]!,
      high: sorted[Math.ceil(0.975 * draws) - 1]!,
      seedNoise: pooledDeviation(proxy),
      possible: possibleTau(proxy, full, createRng(`validate-proxy/possible/${p}`)),
      isWithinNoise: found[best]! - found[p]! <= error,
    };
  });
}
