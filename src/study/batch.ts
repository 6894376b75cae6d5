import type { Searcher } from "../search/searchers.ts";
import { archOf } from "../space/arch.ts";
import type { Proposal, Trial } from "../store/store.ts";
import { buildNetwork } from "../arch/network.ts";
import { taskOf } from "../data/task.ts";
import { trialRow } from "./events.ts";
import { guessOf } from "./guess.ts";
import { measureTrials } from "./measure.ts";
import { rewardTrial } from "./rewards.ts";
import type { Study } from "./study.ts";

const ended = (trial: Trial): boolean => trial.state !== "waiting" && trial.state !== "running";

/** Adds the trials `from..to` that are not in the store yet. All are asked for before any is told. */
export function proposeBatch({ store, config, dataset }: Study, searcher: Searcher, from: number, to: number): void {
  const known = store.trials("search").length;
  const task = taskOf(dataset);
  const proposals: Proposal[] = [];
  for (let number = Math.max(from, known); number < to; number++) {
    const genotype = searcher.ask(number);
    const { notation, costs } = buildNetwork(archOf(config.space, genotype, task));
    proposals.push({ phase: "search", number, genotype, notation, params: costs.params, madds: costs.madds });
  }
  if (proposals.length > 0) store.add(proposals);
}

/** Measures the waiting trials of a batch and prunes those over the gate. */
export async function measureBatch(study: Study, from: number, to: number): Promise<void> {
  const { store, config, targetMs, emit } = study;
  reuseTwins(study, from, to);
  const trials = store.trials("search").slice(0, to);
  // A network that an earlier trial of this batch has too waits for that one's result.
  const isFirst = (trial: Trial): boolean =>
    trials.findIndex(({ notation }) => notation === trial.notation) === trial.number;
  const waiting = trials.slice(from).filter((trial) => trial.state === "waiting" && isFirst(trial));
  await measureTrials(study, waiting);

  const gateMs = config.gate * targetMs;
  for (const trial of waiting) {
    const { latency } = store.trial(trial)!;
    if (latency === null || latency.medianMs <= gateMs) continue;
    store.prune(trial, `${latency.medianMs.toFixed(3)} ms is over the gate of ${gateMs.toFixed(3)} ms`);
    emit({ event: "trial", trial: trialRow(store, store.trial(trial)!) });
  }
}

/** Gives trials whose network was evaluated before that result. */
export function reuseTwins({ store, emit }: Study, from: number, to: number): void {
  const trials = store.trials("search").slice(0, to);
  for (const trial of trials.slice(from)) {
    if (trial.state !== "waiting") continue;
    const twin = trials.find(({ notation, number }) => notation === trial.notation && number < trial.number);
    if (twin === undefined || !ended(twin)) continue;
    store.reuse(trial, twin.number);
    emit({ event: "trial", trial: trialRow(store, store.trial(trial)!) });
  }
}

/** Rewards the ended trials of a batch and tells the searcher, in order. */
export function learn(study: Study, searcher: Searcher, from: number, to: number): void {
  const { store } = study;
  for (const trial of store.trials("search").slice(from, to)) {
    const { genotype, number } = trial;
    if (!ended(trial) || genotype === null) throw new Error(`internal: trial ${number} did not end`);
    const reward = trial.reward ?? rewardTrial(study, trial);
    if (trial.reward === null) store.setReward(trial, reward);
    const accuracy = trial.accuracy ?? guessOf(study, trial);
    searcher.tell({ number, genotype, reward, accuracy, latencyMs: trial.latency?.medianMs ?? null });
  }
}
