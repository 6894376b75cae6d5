import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Store, Trial } from "../store/store.ts";
import { mean, variance } from "../util/welch.ts";
import { trialDir } from "../worker/work.ts";
import { trialRow, type FinalRow, type FinalTraining, imagesError, validationCountOf } from "./events.ts";
import type { FormatName } from "../export/formats.ts";
import type { Run } from "./run.ts";

/** The exported model of a training, relative to the run folder. */
export const modelFile = (trial: Trial, format: FormatName): string => join(trialDir(trial), `model.${format}`);

/** A finalist or a baseline with its trainings, one per seed. */
export interface FinalNetwork {
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
export function finalNetworks(store: Store): FinalNetwork[] {
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

const meanOf = (values: readonly number[]): number | null => (values.length === 0 ? null : mean(values));

/** One standard error of a mean share over trainings that are judged on the same images; null where none is known. */
function meanError(shares: readonly number[], count: number | null): number | null {
  const p = meanOf(shares);
  if (p === null || count === null) return null;
  return Math.hypot(imagesError(p, count), shares.length > 1 ? Math.sqrt(variance(shares) / shares.length) : 0);
}

/** A network of the final phase of a run as it is printed. */
function finalRow(
  { name, isReference, trainings }: FinalNetwork,
  { dir, store }: Pick<Run, "dir" | "store">,
): FinalRow {
  const testCount = Number(store.get("testCount"));
  const best = bestTraining(trainings);
  const tested = trainings.flatMap(({ testAccuracy }) => testAccuracy ?? []);
  const validated = trainings.flatMap(({ accuracy }) => accuracy ?? []);
  const failures = trainings.flatMap(({ seed, reason }) => (reason === null ? [] : [`seed ${seed}: ${reason}`]));
  const written = (format: FormatName): string | null =>
    best !== null && !isReference && existsSync(join(dir, modelFile(best, format))) ? modelFile(best, format) : null;
  const predictedMs = trainings[0]!.latency?.predictedMs;
  return {
    ...trialRow(store, best ?? trainings[0]!),
    state: stateOf(trainings),
    accuracy: meanOf(validated),
    accuracyError: meanError(validated, validationCountOf(store)),
    reason: failures.length === 0 ? null : failures.join("; "),
    name,
    isReference,
    predictedMs: typeof predictedMs === "number" ? predictedMs : null,
    testAccuracy: meanOf(tested),
    testDeviation: tested.length > 1 ? Math.sqrt(variance(tested)) : null,
    testError: meanError(tested, testCount),
    testCount,
    seeds: trainings.map(finalTraining),
    model: written("onnx"),
    tflite: written("tflite"),
  };
}

/** The finals of a run as they are printed, in the order of {@link finalNetworks}. */
export const finalRows = (run: Pick<Run, "dir" | "store">): FinalRow[] =>
  finalNetworks(run.store).map((network) => finalRow(network, run));
