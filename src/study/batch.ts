import { rewardOf } from "../reward/reward.ts";
import type { Searcher } from "../search/searchers.ts";
import { archOf } from "../space/arch.ts";
import { parseArch } from "../space/notation.ts";
import type { Proposal, Trial } from "../store/store.ts";
import { candidateOf, deviceModel, taskOf } from "./candidate.ts";
import { trialRow } from "./events.ts";
import type { Study } from "./search.ts";

const ended = (trial: Trial): boolean =>
  trial.state === "complete" || trial.state === "pruned" || trial.state === "failed";

/** Adds the trials `from..to` that are not in the store yet. All are asked for before any is told. */
export function proposeBatch({ store, config, dataset }: Study, searcher: Searcher, from: number, to: number): void {
  const known = store.trials("search").length;
  const task = taskOf(dataset);
  const proposals: Proposal[] = [];
  for (let number = Math.max(from, known); number < to; number++) {
    const genotype = searcher.ask(number);
    const { notation, costs } = candidateOf(archOf(config.space, genotype, task));
    proposals.push({ phase: "search", number, genotype, notation, params: costs.params, madds: costs.madds });
  }
  if (proposals.length > 0) store.add(proposals);
}

/** Measures the waiting trials of a batch, one after the other, and prunes those over the gate. */
export async function measureBatch(study: Study, from: number, to: number): Promise<void> {
  const { store, config, device, targetMs, signal, emit } = study;
  reuseTwins(study, from, to);
  const trials = store.trials("search").slice(0, to);
  const gateMs = config.gate * targetMs;
  for (const trial of trials.slice(from)) {
    if (trial.state !== "waiting") continue;
    // A network that an earlier trial of this batch has too waits for that one's result.
    if (trials.findIndex(({ notation }) => notation === trial.notation) < trial.number) continue;
    signal.throwIfAborted();
    emit({ event: "measuring", phase: "search", number: trial.number, notation: trial.notation });
    const latency = trial.latency ?? {
      ...(await device.measure(deviceModel(candidateOf(parseArch(trial.notation))), { signal })),
    };
    store.measured(trial, latency);
    if (latency.medianMs > gateMs) {
      store.prune(trial, `${latency.medianMs.toFixed(3)} ms is over the gate of ${gateMs.toFixed(3)} ms`);
      emit({ event: "trial", trial: trialRow(store.trial(trial)!) });
    }
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
    emit({ event: "trial", trial: trialRow(store.trial(trial)!) });
  }
}

/** Rewards the ended trials of a batch and tells the searcher, in order. */
export function learn({ store, config, dataset, targetMs }: Study, searcher: Searcher, from: number, to: number): void {
  // What was not trained, or could not be, is as good as guessing.
  const chance = 1 / dataset.classes.length;
  for (const trial of store.trials("search").slice(from, to)) {
    const { genotype, latency, number } = trial;
    if (!ended(trial) || genotype === null || latency === null)
      throw new Error(`internal: trial ${number} did not end`);
    const metrics = {
      accuracy: trial.accuracy ?? chance,
      latencyMs: latency.medianMs,
      params: trial.params,
      madds: trial.madds,
    };
    const reward = trial.reward ?? rewardOf(metrics, config.reward, targetMs);
    if (trial.reward === null) store.setReward(trial, reward);
    searcher.tell({ number, genotype, reward });
  }
}
