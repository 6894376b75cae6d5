import { MnasError } from "../errors.ts";
import { rewardOf, type Reward } from "../reward/reward.ts";
import type { Store, Trial } from "../store/store.ts";
import type { Study } from "./study.ts";
import { guessOf } from "./guess.ts";

/** Set while a reward function of the user's own has no value for a trial. */
const openKey = "rewardIsOpen";

/** Whether the search stopped at a trial for which the reward function has no value, so that it must be corrected. */
export const isRewardOpen = (store: Store): boolean => store.get(openKey) === true;

/** The reward that a trial has with an accuracy; one that could not be measured is as slow as the gate. */
export function valueOf({ store, config, targetMs, run }: Study, trial: Trial, accuracy: number): number {
  const { params, madds } = trial;
  const latencyMs = trial.latency?.medianMs ?? config.gate * targetMs;
  const metrics = { accuracy, latencyMs, params, madds };
  try {
    const reward = rewardOf(metrics, config.reward, targetMs);
    if (isRewardOpen(store)) store.set(openKey, false);
    return reward;
  } catch (error) {
    store.set(openKey, true);
    if (!(error instanceof MnasError)) throw error;
    throw new MnasError(error.code, error.message, {
      hint: `Correct the reward function, keep what it gave for other trials, and continue with --resume ${run.dir}.`,
      cause: error,
    });
  }
}

/**
 * The reward of an ended trial. What was not trained, or could not be, is as good as guessing; what was stopped early as
 * good as it is expected to have become.
 */
export const rewardTrial = (study: Study, trial: Trial): number =>
  valueOf(study, trial, trial.accuracy ?? guessOf(study, trial) ?? 1 / study.dataset.classes.length);

/** The first trial that a corrected function rewards otherwise than it was rewarded, as `reward of trial N: was → is`. */
export function changedReward(store: Store, reward: Reward): string[] {
  const target = store.get("target");
  if (target === null) return [];
  for (const trial of store.trials("search")) {
    const { accuracy, latency, params, madds } = trial;
    if (trial.reward === null || accuracy === null || latency === null) continue;
    const is = rewardOf({ accuracy, latencyMs: latency.medianMs, params, madds }, reward, target.targetMs);
    // The last digits may be another platform's.
    if (Math.abs(is - trial.reward) > 1e-9 * Math.abs(trial.reward))
      return [`reward of trial ${trial.number}: ${trial.reward} → ${is}`];
  }
  return [];
}
