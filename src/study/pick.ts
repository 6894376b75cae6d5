import { rewardOf } from "../reward/reward.ts";
import { expectedAccuracies } from "../search/expectation.ts";
import { taskOf } from "../data/task.ts";
import { trainedOf, type Measured } from "./front.ts";
import { describerOf } from "./objective.ts";
import type { Study } from "./study.ts";

type Picking = Pick<Study, "store" | "config" | "dataset">;

/** The trained networks, with the accuracies that are expected of them: one training alone does not tell. */
function expectedOf({ store, config, dataset }: Picking): (Measured & { readonly expected: number })[] {
  const trained = trainedOf(store.trials("search")).flatMap((trial) =>
    trial.genotype === null ? [] : [{ ...trial, genotype: trial.genotype }],
  );
  const expected = expectedAccuracies(config.space, describerOf(config, taskOf(dataset)), trained);
  return trained.map((trial, i) => ({ ...trial, expected: Math.min(1, Math.max(0, expected[i]!)) }));
}

/** The best for a target first: those within it before the others, then by value, then the earlier. */
export const rankFor = <T extends Pick<Measured, "latencyMs" | "number">>(
  targetMs: number,
  candidates: readonly T[],
  valueOf: (one: T) => number,
): T[] =>
  candidates
    .map((one) => ({ one, isLate: one.latencyMs > targetMs, value: valueOf(one) }))
    .sort((a, b) => Number(a.isLate) - Number(b.isLate) || b.value - a.value || a.one.number - b.one.number)
    .map(({ one }) => one);

/** The networks to train long: the best for the target, or the best for each where there are several. */
export function chooseFinalists({ targetMs, ...study }: Picking & Pick<Study, "targetMs">): Measured[] {
  const { finalists, targets, reward } = study.config;
  if (finalists === 0) return [];
  const trained = expectedOf(study);
  const ranked = (ms: number): Measured[] =>
    rankFor(ms, trained, ({ expected: accuracy, latencyMs, params, madds }) =>
      rewardOf({ accuracy, latencyMs, params, madds }, reward, ms),
    );
  if (targets === null) return ranked(targetMs).slice(0, finalists);
  const best = targets.flatMap((ms) => ranked(ms).slice(0, 1));
  return best.filter(({ notation }, i) => best.findIndex((other) => other.notation === notation) === i);
}
