import type { Origin } from "../latency.ts";
import type { FinalRow, TrialRow } from "../study/events.ts";
import { percentWithError } from "../report/text.ts";
import { fixed, ms, paint, table, thousands } from "./output.ts";

/** Whether a network is as fast as it should be. */
export const meets = ({ latencyMs }: TrialRow, targetMs: number): boolean => (latencyMs ?? Infinity) <= targetMs;

const originNotes: { readonly [O in Origin]: string } = {
  native: "",
  web: " (in a browser)",
  emulated: " (in an emulator: the latency is this machine's)",
  predicted: " (predicted, not measured)",
  proxy: " (a proxy: computed, not measured)",
};

/** What must be said of a device whose numbers are not those of a native runtime. */
export const originNote = (origin: Origin): string => originNotes[origin];

/** A latency, and whether the device was not stable, so that it may be too high. */
export const latencyCell = ({ latencyMs, isUnstable }: Pick<TrialRow, "latencyMs" | "isUnstable">): string =>
  `${ms(latencyMs)}${isUnstable ? " (unstable)" : ""}`;

/** A validation accuracy with one standard error, `88.10 ± 1.02 %`. */
export const accuracyCell = ({ accuracy, accuracyError }: Pick<TrialRow, "accuracy" | "accuracyError">): string =>
  percentWithError(accuracy, accuracyError);

/** A table of trials, with one column of the caller's. */
export const trialTable = <Row extends TrialRow>(
  rows: readonly Row[],
  [title, cell]: readonly [title: string, cell: (row: Row) => string],
): string =>
  table(
    ["trial", "latency", "accuracy", "reward", "params", "madds", title, "network"],
    rows.map((row) => [
      String(row.number),
      latencyCell(row),
      accuracyCell(row),
      fixed(row.reward),
      thousands(row.params),
      thousands(row.madds),
      cell(row),
      row.notation,
    ]),
  );

/** Stands for the front where no network was trained, and says why; offers the fastest. */
export const untrainedText = (why: string, fastest: Pick<TrialRow, "number" | "latencyMs"> | null): string =>
  `${why}${fastest === null ? "" : `; the fastest is trial ${fastest.number} with ${ms(fastest.latencyMs)}`}`;

/** The front as a table, and a sentence when none of it is fast enough. */
export function frontTable(trials: readonly TrialRow[], targetMs: number | null): string {
  const isFast = (trial: TrialRow): boolean => targetMs !== null && meets(trial, targetMs);
  const rows = trialTable(trials, ["", (trial) => (isFast(trial) ? "✓ within target" : "")]);
  const fastest = trials[0];
  if (targetMs === null || fastest === undefined || isFast(fastest)) return rows;
  const says = `no trained network meets the target of ${ms(targetMs)}; the fastest takes ${ms(fastest.latencyMs)}`;
  return `${rows}\n${paint("yellow", says)}`;
}

const points = (share: number | null): string => (share === null ? "–" : (100 * share).toFixed(2));

/** `88.10 ± 0.72 %`, the mean over trainings with its standard error. */
export const testedCell = ({ testAccuracy, testError, reason }: FinalRow): string =>
  testAccuracy === null && reason !== null ? reason : percentWithError(testAccuracy, testError);

export function finalsTable(finals: readonly FinalRow[]): string {
  const hasPredictions = finals.some(({ predictedMs }) => predictedMs !== null);
  const predicted = (cell: string): string[] => (hasPredictions ? [cell] : []);
  return table(
    ["network", "latency", ...predicted("predicted"), "test accuracy", "deviation", "validation", "madds"],
    finals.map((row) => [
      row.name,
      latencyCell(row),
      ...predicted(ms(row.predictedMs)),
      testedCell(row),
      points(row.testDeviation),
      accuracyCell(row),
      thousands(row.madds),
    ]),
  );
}
