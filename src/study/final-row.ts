import { join } from "node:path";
import type { Store, Trial } from "../store/store.ts";
import { trialDir } from "../worker/work.ts";
import { trialRow, type FinalRow } from "./events.ts";

/** The exported model of a finalist, relative to the run folder. */
export const modelFile = (trial: Trial): string => join(trialDir(trial), "model.onnx");

/** The finals of a run: finalists by the rewards that they had in the search, then the references. */
export function finalsOf(store: Store): Trial[] {
  const rewards = new Map(store.trials("search").map(({ number, reward }) => [number, reward]));
  const rank = ({ source }: Trial): number => (source === null ? undefined : rewards.get(source)) ?? -Infinity;
  return store.trials("final").sort((a, b) => (rank(a) === rank(b) ? a.number - b.number : rank(b) - rank(a)));
}

/** A final trial as it is printed; `testCount` is the number of test images behind its accuracy. */
export function finalRow(trial: Trial, testCount: number): FinalRow {
  const { reference, source, testAccuracy: p } = trial;
  const predictedMs = trial.latency?.["predictedMs"];
  return {
    ...trialRow(trial),
    name: reference ?? `trial ${source}`,
    isReference: reference !== null,
    predictedMs: typeof predictedMs === "number" ? predictedMs : null,
    testAccuracy: p,
    testError: p === null ? null : Math.sqrt((p * (1 - p)) / testCount),
    model: trial.state === "complete" && reference === null ? modelFile(trial) : null,
  };
}
