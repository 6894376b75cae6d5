import { goesOn, leastAccuracy, type Standing } from "../reward/stopping.ts";
import type { Trial } from "../store/store.ts";
import { valueOf } from "./rewards.ts";
import type { Study } from "./study.ts";

/**
 * Whether a trial has still to come to a rung, so that those after it cannot be judged there. One without a latency is not
 * trained: it waits for another of the same network.
 */
const isStillToCome = ({ state, latency, rungs }: Trial, rung: number): boolean =>
  latency !== null && (state === "waiting" || state === "running") && (rungs?.length ?? 0) <= rung;

/**
 * Says to trainings that wait at a rung what they must have reached there to go on: to each as soon as all trials before it
 * have been there or ended. What it has to reach depends on those alone, by number and not by time, so
 * neither the number of workers nor an interruption changes it.
 */
export function setBars(study: Study): void {
  const { store, config } = study;
  const { stopping, objective } = config;
  if (stopping === null) return;
  const trials = store.trials("search");
  for (const trial of trials) {
    const bars = trial.bars ?? [];
    const rung = bars.length;
    if (trial.state !== "running" || (trial.rungs?.length ?? 0) <= rung) continue;
    const before = trials.slice(0, trial.number);
    if (before.some((other) => isStillToCome(other, rung))) continue;
    const standings = before.flatMap((other): Standing[] => {
      const accuracy = other.rungs?.[rung];
      if (accuracy === undefined || other.source !== null) return [];
      return [{ accuracy, latencyMs: other.latency!.medianMs, reward: valueOf(study, other, accuracy) }];
    });
    const latencyMs = trial.latency!.medianMs;
    const bar = leastAccuracy((accuracy) => {
      const one = { accuracy, latencyMs, reward: valueOf(study, trial, accuracy) };
      return goesOn(one, standings, objective, stopping.keep);
    });
    store.setBars(trial, [...bars, bar]);
  }
}
