import { reachOf } from "../search/reach.ts";
import type { Trial } from "../store/store.ts";
import { taskOf } from "../data/task.ts";
import { describerOf } from "./objective.ts";
import type { Study } from "./study.ts";

/** Set when it was said that the target is out of reach. */
const saidKey = "targetIsOutOfReach";

/** The measured trial of the lowest latency; null when there is none. */
export function fastestOf(trials: readonly Trial[]): (Trial & { readonly latencyMs: number }) | null {
  const timed = trials.flatMap((trial) =>
    trial.latency === null ? [] : [{ ...trial, latencyMs: trial.latency.medianMs }],
  );
  return timed.toSorted((a, b) => a.latencyMs - b.latencyMs || a.number - b.number)[0] ?? null;
}

/** Says once, as soon as latencies tell it, that no network of the space is likely to be within the target. */
export function warnOutOfReach({ store, config, dataset, targetMs, emit }: Study): void {
  const trials = store.trials("search");
  const fastest = fastestOf(trials);
  if (fastest === null || fastest.latencyMs <= targetMs || store.get(saidKey) === true) return;
  const results = trials.flatMap(({ genotype, latency, source }) =>
    genotype === null || latency === null || source !== null ? [] : [{ genotype, latencyMs: latency.medianMs }],
  );
  const reach = reachOf(config.space, describerOf(config, taskOf(dataset)), results);
  if (reach === null || reach.lowMs <= targetMs) return;
  store.set(saidKey, true);
  const ms = (value: number): string => `${value.toFixed(3)} ms`;
  emit({
    event: "warning",
    message: `probably no network of ${config.space.name} is within the target of ${ms(targetMs)}: the fastest of ${results.length} takes ${ms(fastest.latencyMs)} (trial ${fastest.number}), and the one that may be the fastest of all is predicted to take ${ms(reach.latencyMs)} (95 % interval ${ms(reach.lowMs)} to ${ms(reach.highMs)}); stop and give a longer --target, or a space of faster networks`,
  });
}
