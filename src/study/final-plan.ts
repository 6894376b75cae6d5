import type { FinalProposal, Trial } from "../store/store.ts";
import { mean } from "../util/welch.ts";
import { taskOf } from "../data/task.ts";
import { nameOf } from "./ended.ts";
import { finalistLatency } from "./finals-device.ts";
import { isUnfit } from "./measure.ts";
import { chooseFinalists } from "./pick.ts";
import { referenceFinder, type Reference } from "./reference.ts";
import type { Study } from "./study.ts";
import { latencyAt, type Point } from "./speedup.ts";

/** A network in full, as errors of devices name it. */
const wholeNotation = /in\d+x\d+x\d+ .*? classes\d+/g;

/** How many times as slow the next wider baseline is. */
const step = 1.4;

/** A network that is to be trained, whatever the seed. */
type Wanted = Omit<FinalProposal, "seed">;

const baselineOf = ({ name, candidate: { notation, costs } }: Reference): Wanted => ({
  genotype: null,
  notation,
  reference: name,
  params: costs.params,
  madds: costs.madds,
});

const isEnded = ({ state }: Trial): boolean => state === "complete" || state === "failed";

/** Latency and mean test accuracy of a network; null when none of its trainings succeeded. */
function pointOf(trainings: readonly Trial[]): Point | null {
  const tested = trainings.flatMap(({ testAccuracy }) => testAccuracy ?? []);
  const latencyMs = trainings[0]?.latency?.medianMs;
  return tested.length === 0 || latencyMs === undefined ? null : { latencyMs, accuracy: mean(tested) };
}

/**
 * Which long trainings are wanted, by what is known when it is asked: the finalists and, for each, the baseline that takes
 * as long; when all of these have ended, slower baselines for finalists that no baseline is as accurate as, or faster ones
 * where even the fastest is more accurate; and so on, up to the number that the config allows.
 */
export function finalPlanner(study: Study): () => Promise<FinalProposal[]> {
  const { store, config, dataset, device, signal, emit } = study;
  const find = referenceFinder(store, device, taskOf(dataset), signal);
  const measuring = (number: number, what: string): void =>
    emit({ event: "measuring", phase: "final", number, notation: `mobilenet-v2 ${what}` });
  const finalists = chooseFinalists(study);
  const trainingsOf = ({ notation }: Wanted): Trial[] =>
    store.trials("final").filter((trial) => trial.notation === notation && trial.seed < config.finalSeeds);
  const hasEnded = (wanted: Wanted): boolean => {
    const trainings = trainingsOf(wanted);
    return trainings.length === config.finalSeeds && trainings.every(isEnded);
  };

  /** Finalists for which the device knows no baseline; told once. */
  const unknown = new Set<number>();

  /** The latency that a further baseline should have, for a finalist that the baselines so far do not bracket. */
  const missing = (finalist: Wanted, baselines: readonly Wanted[]): number | null => {
    const own = pointOf(trainingsOf(finalist));
    const points = baselines.flatMap((baseline) => pointOf(trainingsOf(baseline)) ?? []);
    if (own === null || points.length === 0) return null;
    const { latencyMs, bound } = latencyAt(own.accuracy, points);
    return bound === "exact" ? null : bound === "atLeast" ? latencyMs * step : latencyMs / step;
  };

  return async () => {
    const wanted: Wanted[] = [];
    const add = async (latencyMs: number): Promise<void> => {
      const baseline = baselineOf(await find(latencyMs));
      if (wanted.every(({ notation }) => notation !== baseline.notation)) wanted.push(baseline);
    };
    for (const finalist of finalists) {
      const { number, genotype, notation, params, madds } = finalist;
      wanted.push({ genotype, notation, source: number, params, madds });
      if (config.baselines === 0) continue;
      measuring(number, `as fast as trial ${number}`);
      try {
        await add(await finalistLatency(study, finalist));
      } catch (error) {
        // A device that predicts may know nothing of such networks.
        if (!isUnfit(error)) throw error;
        if (unknown.has(number)) continue;
        unknown.add(number);
        const subject = nameOf(study.run, finalist);
        const why = error.message.replaceAll(wholeNotation, "mobilenet-v2");
        emit({ event: "warning", message: `no baseline for ${subject}: ${why}`, subject });
      }
    }
    for (let round = 1; round < config.baselines && wanted.every(hasEnded); round++) {
      const baselines = wanted.filter(({ source }) => source === undefined);
      const latencies = wanted.flatMap((one) => (one.source === undefined ? [] : (missing(one, baselines) ?? [])));
      for (const latencyMs of latencies) {
        measuring(0, "of another width");
        await add(latencyMs);
      }
    }
    return wanted.flatMap((network) => Array.from({ length: config.finalSeeds }, (_, seed) => ({ ...network, seed })));
  };
}
