import type { Config } from "../config/config.ts";
import { rewardOf } from "../reward/reward.ts";
import type { Objective, SearcherOptions } from "../search/searchers.ts";
import { archOf, type Task } from "../space/arch.ts";
import type { Genotype } from "../space/space.ts";
import { buildNetwork } from "../arch/network.ts";

/** What a searcher may know of a network of the space before it is tried. */
export const describerOf = ({ space }: Config, task: Task) => {
  return (genotype: Genotype) => {
    const { notation, costs } = buildNetwork(archOf(space, genotype, task));
    return { key: notation, costs: [costs.params, costs.madds] };
  };
};

/** What the searcher of a study is after. */
export function searcherOptions(config: Config, task: Task, targetMs: number): SearcherOptions {
  const { seed, batch, space } = config;
  const describe = describerOf(config, task);
  const isCustom = typeof config.reward === "function";
  const objective: Objective =
    config.objective === "front"
      ? { kind: "front" }
      : {
          kind: "reward",
          rewardOf: (genotype, { accuracy, latencyMs }) => {
            // Only a function of the user's own looks at costs.
            const costs = isCustom ? buildNetwork(archOf(space, genotype, task)).costs : { params: 0, madds: 0 };
            const { params, madds } = costs;
            // What is hoped for may be beyond what there can be.
            const share = Math.min(1, Math.max(0, accuracy));
            return rewardOf({ accuracy: share, latencyMs, params, madds }, config.reward, targetMs);
          },
        };
  return { seed, batch, objective, describe, targetMs };
}
