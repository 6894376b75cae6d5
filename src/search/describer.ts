import { sample, type Genotype, type SearchSpace } from "../space/space.ts";
import { log } from "../util/math.ts";
import type { Rng } from "../util/rng.ts";
import { packed, type Point } from "./gaussian-process.ts";
import type { Description } from "./searcher.ts";

/** Random networks that say how much costs vary in a space. */
const sampleCount = 64;

export interface Describer {
  readonly keyOf: (genotype: Genotype) => string;
  readonly pointOf: (genotype: Genotype) => Point;
}

/** Turns genotypes into points: the logarithms of their costs, each with mean 0 and deviation 1 over the space. */
export function describer(
  space: SearchSpace,
  describe: ((genotype: Genotype) => Description) | undefined,
  rng: Rng,
): Describer {
  if (describe === undefined)
    return {
      keyOf: (genotype) => genotype.join(),
      pointOf: (genotype) => ({ choices: packed(genotype), features: new Float64Array(0) }),
    };
  const known = new Map<string, { readonly key: string; readonly logs: readonly number[] }>();
  const about = (genotype: Genotype) => {
    const id = genotype.join();
    let found = known.get(id);
    if (found === undefined) {
      const { key, costs } = describe(genotype);
      found = { key, logs: costs.map(log) };
      known.set(id, found);
    }
    return found;
  };
  const samples = Array.from({ length: sampleCount }, () => about(sample(space, rng)).logs);
  const scales = samples[0]!.map((_, k) => {
    const mean = samples.reduce((sum, logs) => sum + logs[k]!, 0) / sampleCount;
    const variance = samples.reduce((sum, logs) => sum + (logs[k]! - mean) ** 2, 0) / sampleCount;
    return { mean, deviation: variance > 1e-12 ? Math.sqrt(variance) : 1 };
  });
  return {
    keyOf: (genotype) => about(genotype).key,
    pointOf: (genotype) => ({
      choices: packed(genotype),
      features: Float64Array.from(about(genotype).logs, (value, k) => (value - scales[k]!.mean) / scales[k]!.deviation),
    }),
  };
}
