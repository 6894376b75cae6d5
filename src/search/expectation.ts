import type { Genotype, SearchSpace } from "../space/space.ts";
import { createRng } from "../util/rng.ts";
import { describer } from "./describer.ts";
import { accuracyNoises, createModel } from "./model.ts";
import { leastTrials } from "./ranker.ts";
import type { SearcherOptions } from "./searcher.ts";

/**
 * What each network's accuracy would be on average over seeds, as far as one training and those of networks like it tell:
 * half its own result, half what a Gaussian process of all says. The highest of many results is high by luck as well;
 * at four of five targets on NAS-Bench-Macro the pick by expectation was nearer to the best network (docs/search.md).
 */
export function expectedAccuracies(
  space: SearchSpace,
  describe: SearcherOptions["describe"],
  results: readonly { readonly genotype: Genotype; readonly accuracy: number }[],
): number[] {
  if (results.length < leastTrials) return results.map(({ accuracy }) => accuracy);
  const { pointOf } = describer(space, describe, createRng("expectation"));
  const points = results.map(({ genotype }) => pointOf(genotype));
  const model = createModel(accuracyNoises);
  results.forEach(({ accuracy }, i) => model.add(points[i]!, accuracy));
  return Array.from(model.means(points), (mean, i) => (mean + results[i]!.accuracy) / 2);
}
