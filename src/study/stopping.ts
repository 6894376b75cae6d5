import type { Config } from "../config/config.ts";
import { median } from "../device/statistics.ts";
import { goesOn, leastAccuracy, type ObjectiveKind, type Standing } from "../reward/stopping.ts";
import { batchStart } from "../search/searcher.ts";
import type { Trial } from "../store/store.ts";
import { valueOf } from "./rewards.ts";
import type { Study } from "./search.ts";

/** A trial whose training was judged on the way. */
type Judged = Trial & { readonly rungs: readonly number[]; readonly latency: NonNullable<Trial["latency"]> };

/**
 * The trials of earlier batches that were judged on the way, each network once. What a trial has to reach depends on
 * these alone, so neither the number of workers nor an interruption changes it.
 */
const judgedBefore = ({ store, config }: Study, number: number): Judged[] =>
  store.trials("search").flatMap((trial) => {
    const { rungs, latency, source } = trial;
    const isEarlier = trial.number < batchStart(number, config.batch);
    return !isEarlier || rungs === null || latency === null || source !== null ? [] : [{ ...trial, rungs, latency }];
  });

const objectiveOf = (config: Config): ObjectiveKind =>
  "objective" in config && config.objective === "front" ? "front" : "reward";

/** Records for the waiting trials `from..to` the accuracy that each must have at each rung to go on. */
export function setBars(study: Study, from: number, to: number): void {
  const { store, config } = study;
  const { stopping } = config;
  if (stopping === null) return;
  const objective = objectiveOf(config);
  const earlier = judgedBefore(study, from);
  const standingsAt = stopping.rungs.map((_, rung) =>
    earlier.flatMap((trial): Standing[] => {
      const accuracy = trial.rungs[rung];
      if (accuracy === undefined) return [];
      return [{ accuracy, latencyMs: trial.latency.medianMs, reward: valueOf(study, trial, accuracy) }];
    }),
  );
  for (const trial of store.trials("search").slice(from, to)) {
    if (trial.state !== "waiting" || trial.latency === null) continue;
    const latencyMs = trial.latency.medianMs;
    const bars = standingsAt.map((standings) =>
      leastAccuracy((accuracy) => {
        const one = { accuracy, latencyMs, reward: valueOf(study, trial, accuracy) };
        return goesOn(one, standings, objective, stopping.keep);
      }),
    );
    store.setBars(trial, bars);
  }
}

/** The accuracy at a rung and the median of what others gained from there to their end, from 0 to 1. */
export const expectedAccuracy = (accuracy: number, gains: readonly number[]): number =>
  Math.min(1, Math.max(0, accuracy + median(gains)));

/**
 * The accuracy that a stopped trial would have ended with, at a guess; null for other trials. It is for the searcher
 * alone: what was not trained to its end is not ranked with what was.
 */
export function guessOf(study: Study, trial: Trial): number | null {
  if (trial.state !== "stopped" || trial.rungs === null) return null;
  const rung = trial.rungs.length - 1;
  const gains = judgedBefore(study, trial.number).flatMap(({ accuracy, rungs }) =>
    accuracy === null || rungs[rung] === undefined ? [] : [accuracy - rungs[rung]],
  );
  const accuracy = trial.rungs[rung]!;
  // With all earlier trials stopped too there is no gain to go by.
  return gains.length === 0 ? accuracy : expectedAccuracy(accuracy, gains);
}
