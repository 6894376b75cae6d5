import { goesOn, leastAccuracy, type Standing } from "../reward/stopping.ts";
import { judgedBefore } from "./guess.ts";
import { valueOf } from "./rewards.ts";
import type { Study } from "./search.ts";

/** Records for the waiting trials `from..to` the accuracy that each must have at each rung to go on. */
export function setBars(study: Study, from: number, to: number): void {
  const { store, config } = study;
  const { stopping, objective } = config;
  if (stopping === null) return;
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
