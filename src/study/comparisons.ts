import type { Comparison } from "../report/report.ts";
import { createRng } from "../util/rng.ts";
import { welchInterval } from "../util/welch.ts";
import { imagesError, type FinalRow } from "./events.ts";
import { speedupOf } from "./speedup.ts";

/** A row whose trainings are all over, with a place on the plot. */
type Tested = FinalRow & { readonly latencyMs: number; readonly testAccuracy: number };

const isTested = (row: FinalRow): row is Tested =>
  row.state === "complete" && row.testAccuracy !== null && row.latencyMs !== null;

const accuraciesOf = ({ seeds }: FinalRow): number[] => seeds.flatMap(({ testAccuracy }) => testAccuracy ?? []);

/**
 * Each finalist beside the baseline that takes most nearly as long, and beside all baselines at its own accuracy. What is
 * said of differences is of trainings, on the test images there are.
 */
export function comparisonsOf(rows: readonly FinalRow[]): Comparison[] {
  const tested = rows.filter(isTested);
  const baselines = tested.filter(({ isReference }) => isReference);
  return tested
    .filter(({ isReference }) => !isReference)
    .flatMap((finalist) => {
      const distance = ({ latencyMs }: Tested): number => Math.abs(latencyMs - finalist.latencyMs);
      const [baseline] = baselines.toSorted((a, b) => distance(a) - distance(b));
      if (baseline === undefined) return [];
      const interval = welchInterval(accuraciesOf(finalist), accuraciesOf(baseline));
      const sampling = ({ testAccuracy, testCount }: Tested): number => imagesError(testAccuracy, testCount);
      const trained = (row: Tested) => ({ name: row.name, latencyMs: row.latencyMs, accuracies: accuraciesOf(row) });
      return [
        {
          finalist: finalist.name,
          baseline: baseline.name,
          accuracy: finalist.testAccuracy,
          trainings: accuraciesOf(finalist).length,
          gain: finalist.testAccuracy - baseline.testAccuracy,
          low: interval?.low ?? null,
          high: interval?.high ?? null,
          isClear: interval === null ? null : interval.low > 0 || interval.high < 0,
          imagesError: Math.hypot(sampling(finalist), sampling(baseline)),
          time: finalist.latencyMs / baseline.latencyMs,
          speedup: {
            ...speedupOf(trained(finalist), baselines.map(trained), createRng(`speedup/${finalist.notation}`)),
            baselines: baselines.toSorted((a, b) => a.latencyMs - b.latencyMs).map(({ name }) => name),
          },
        },
      ];
    });
}
