import { join } from "node:path";
import type { Store, Trial } from "../store/store.ts";
import { trialDir } from "../worker/work.ts";
import { trialRow, type FinalRow } from "./events.ts";
import type { FormatName } from "./formats.ts";

/** The exported model of a finalist, relative to the run folder. */
export const modelFile = (trial: Trial, format: FormatName): string => join(trialDir(trial), `model.${format}`);

/** The finals of a run: finalists by the rewards that they had in the search, then the references. */
export function finalsOf(store: Store): Trial[] {
  const rewards = new Map(store.trials("search").map(({ number, reward }) => [number, reward]));
  const rank = ({ source }: Trial): number => (source === null ? undefined : rewards.get(source)) ?? -Infinity;
  return store.trials("final").sort((a, b) => (rank(a) === rank(b) ? a.number - b.number : rank(b) - rank(a)));
}

/** A final trial as it is printed; `testCount` is the number of test images behind its accuracy. */
export function finalRow(trial: Trial, testCount: number): FinalRow {
  const { reference, source, testAccuracy: p } = trial;
  const isExported = trial.state === "complete" && reference === null;
  return {
    ...trialRow(trial),
    name: reference ?? `trial ${source}`,
    isReference: reference !== null,
    testAccuracy: p,
    testError: p === null ? null : Math.sqrt((p * (1 - p)) / testCount),
    model: isExported ? modelFile(trial, "onnx") : null,
    tflite: isExported ? modelFile(trial, "tflite") : null,
  };
}
