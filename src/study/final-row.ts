import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Store, Trial } from "../store/store.ts";
import { mean, variance } from "../util/welch.ts";
import { trialDir } from "../worker/work.ts";
import { trialRow, type FinalRow, type FinalTraining } from "./events.ts";
import type { FormatName } from "./formats.ts";
import type { Run } from "./run.ts";

/** The exported model of a training, relative to the run folder. */
export const modelFile = (trial: Trial, format: FormatName): string => join(trialDir(trial), `model.${format}`);

/** A finalist or a baseline with its trainings, one per seed. */
export interface Network {
  readonly name: string;
  readonly isReference: boolean;
  /** In the order of their seeds; at least one. */
  readonly trainings: readonly Trial[];
}

/** Which training of a network is kept: the best on validation, the first of equals. Test images have no part in it. */
export const bestTraining = (trainings: readonly Trial[]): Trial | null =>
  trainings.reduce<Trial | null>((best, trial) => {
    if (trial.state !== "complete") return best;
    return best === null || (trial.accuracy ?? 0) > (best.accuracy ?? 0) ? trial : best;
  }, null);

/** The networks of the final phase: finalists by the rewards that they had in the search, then baselines, fastest first. */
export function finalNetworks(store: Store): Network[] {
  const rewards = new Map(store.trials("search").map(({ number, reward }) => [number, reward]));
  const rank = ({ source }: Trial): number => (source === null ? undefined : rewards.get(source)) ?? -Infinity;
  const speed = ({ latency }: Trial): number => latency?.medianMs ?? Infinity;
  return [...Map.groupBy(store.trials("final"), ({ notation }) => notation).values()]
    .map((group) => group.toSorted((a, b) => a.seed - b.seed))
    .sort(([a], [b]) => {
      if (a === undefined || b === undefined) return 0;
      if ((a.reference === null) !== (b.reference === null)) return a.reference === null ? -1 : 1;
      if (rank(a) !== rank(b)) return rank(b) - rank(a);
      return speed(a) === speed(b) ? a.number - b.number : speed(a) - speed(b);
    })
    .map((trainings) => {
      const { reference, source } = trainings[0]!;
      return { name: reference ?? `trial ${source}`, isReference: reference !== null, trainings };
    });
}

export const finalTraining = ({ number, seed, state, accuracy, testAccuracy, reason }: Trial): FinalTraining => ({
  number,
  seed,
  state,
  accuracy,
  testAccuracy,
  reason,
});

/** One state for all trainings of a network: it fails when none can be had. */
function stateOf(trainings: readonly Trial[]): Trial["state"] {
  const has = (state: Trial["state"]): boolean => trainings.some((training) => training.state === state);
  if (has("running") || (has("waiting") && has("complete"))) return "running";
  return has("waiting") ? "waiting" : has("complete") ? "complete" : "failed";
}

const meanOf = (values: readonly (number | null)[]): number | null => {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : mean(known);
};

/** A network of the final phase of the run in `dir` as it is printed; `testCount` is the number of test images behind each accuracy. */
function finalRow({ name, isReference, trainings }: Network, testCount: number, dir: string): FinalRow {
  const best = bestTraining(trainings);
  const tested = trainings.flatMap(({ testAccuracy }) => testAccuracy ?? []);
  const p = meanOf(tested);
  const spread = tested.length > 1 ? variance(tested) : null;
  const failures = trainings.flatMap(({ seed, reason }) => (reason === null ? [] : [`seed ${seed}: ${reason}`]));
  const written = (format: FormatName): string | null =>
    best !== null && !isReference && existsSync(join(dir, modelFile(best, format))) ? modelFile(best, format) : null;
  const predictedMs = trainings[0]!.latency?.["predictedMs"];
  return {
    ...trialRow(best ?? trainings[0]!),
    state: stateOf(trainings),
    accuracy: meanOf(trainings.map(({ accuracy }) => accuracy)),
    reason: failures.length === 0 ? null : failures.join("; "),
    name,
    isReference,
    predictedMs: typeof predictedMs === "number" ? predictedMs : null,
    testAccuracy: p,
    testDeviation: spread === null ? null : Math.sqrt(spread),
    testError: p === null ? null : Math.sqrt((p * (1 - p)) / testCount + (spread ?? 0) / tested.length),
    testCount,
    seeds: trainings.map(finalTraining),
    model: written("onnx"),
    tflite: written("tflite"),
  };
}

/** The finals of a run as they are printed, in the order of {@link finalNetworks}. */
export const finalRows = ({ dir, store }: Pick<Run, "dir" | "store">): FinalRow[] =>
  finalNetworks(store).map((network) => finalRow(network, Number(store.get("testCount")), dir));
