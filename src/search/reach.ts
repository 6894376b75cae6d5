import type { Genotype, SearchSpace } from "../space/space.ts";
import { exp, log } from "../util/math.ts";
import { createRng } from "../util/rng.ts";
import { neighbours, parentCount } from "./candidates.ts";
import { describer } from "./describer.ts";
import { createModel, latencyNoises } from "./model.ts";
import type { SearcherOptions } from "./searcher.ts";

/** Latencies before the fastest network is predicted: of 16 random ones it was up to four times too slow. */
const leastLatencies = 32;

/** Rounds of neighbours in which the fastest network is looked for at most. */
const mostRounds = 20;

/** Deviations of the normal distribution on either side of its 95 %. */
const deviations95 = 1.96;

/** The network of a space that may be the fastest: of all, the lower end of its interval is the lowest. */
export interface Reach {
  readonly genotype: Genotype;
  readonly latencyMs: number;
  /** Ends of the 95 % interval of the prediction. */
  readonly lowMs: number;
  readonly highMs: number;
}

/**
 * How fast networks of the space can be, as far as latencies tell: a Gaussian process of them predicts others, and rounds
 * of neighbours go to the lowest ends of intervals. Lowest means instead called more targets out of reach that were met
 * later. Null for fewer than 32 latencies.
 */
export function reachOf(
  space: SearchSpace,
  describe: SearcherOptions["describe"],
  results: readonly { readonly genotype: Genotype; readonly latencyMs: number }[],
): Reach | null {
  if (results.length < leastLatencies) return null;
  const rng = createRng("reach");
  const { pointOf } = describer(space, describe, rng.fork("features"));
  const model = createModel(latencyNoises);
  for (const { genotype, latencyMs } of results) model.add(pointOf(genotype), log(latencyMs));

  const lowestOf = (genotypes: readonly Genotype[]) => {
    const unique = [...new Map(genotypes.map((genotype) => [genotype.join(), genotype])).values()];
    const { means, variances } = model.predict(unique.map(pointOf));
    const halves = variances.map((variance) => deviations95 * Math.sqrt(variance));
    return unique
      .map((genotype, i) => ({ genotype, low: means[i]! - halves[i]!, high: means[i]! + halves[i]! }))
      .sort((a, b) => a.low - b.low)
      .slice(0, parentCount);
  };
  let lowest = lowestOf(results.map(({ genotype }) => genotype));
  for (let round = 0; round < mostRounds; round++) {
    const parents = lowest.map(({ genotype }) => genotype);
    const next = lowestOf([...parents, ...neighbours(space, parents, rng.fork(round))]);
    const isLower = next[0]!.low < lowest[0]!.low;
    lowest = next;
    if (!isLower) break;
  }
  const { genotype, low, high } = lowest[0]!;
  return { genotype, latencyMs: exp((low + high) / 2), lowMs: exp(low), highMs: exp(high) };
}
