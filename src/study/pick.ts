import { rewardOf } from "../reward/reward.ts";
import { expectedAccuracies } from "../search/expectation.ts";
import { taskOf } from "./candidate.ts";
import { trainedOf, type Measured } from "./front.ts";
import { describerOf } from "./objective.ts";
import type { Study } from "./search.ts";

/**
 * The trained networks, best first: those within the target before the others, then by the reward of the accuracy that is
 * expected of them, which one training alone does not tell.
 */
function rankForTarget(study: Pick<Study, "store" | "config" | "dataset">, targetMs: number): Measured[] {
  const { store, config, dataset } = study;
  const trained = trainedOf(store.trials("search")).flatMap((trial) =>
    trial.genotype === null ? [] : [{ ...trial, genotype: trial.genotype }],
  );
  const expected = expectedAccuracies(config.space, describerOf(config, taskOf(dataset)), trained);
  const ranked = trained.map((trial, i) => ({
    trial,
    isOver: trial.latencyMs > targetMs ? 1 : 0,
    reward: rewardOf({ ...trial, accuracy: Math.min(1, Math.max(0, expected[i]!)) }, config.reward, targetMs),
  }));
  return ranked
    .sort((a, b) => a.isOver - b.isOver || b.reward - a.reward || a.trial.number - b.trial.number)
    .map(({ trial }) => trial);
}

/** The networks to train long: the best for the target, or the best for each where there are several. */
export function chooseFinalists(study: Pick<Study, "store" | "config" | "dataset" | "targetMs">): Measured[] {
  const { config, targetMs } = study;
  if (config.finalists === 0) return [];
  if (config.targets === null) return rankForTarget(study, targetMs).slice(0, config.finalists);
  const best = config.targets.flatMap((target) => rankForTarget(study, target).slice(0, 1));
  return best.filter(({ notation }, i) => best.findIndex((other) => other.notation === notation) === i);
}
