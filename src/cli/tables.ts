import type { FinalRow, TrialRow } from "../study/events.ts";
import { fixed, ms, paint, percent, table, thousands } from "./output.ts";

/** Whether a network is as fast as it should be. */
export const meets = ({ latencyMs }: TrialRow, targetMs: number): boolean => (latencyMs ?? Infinity) <= targetMs;

/** A latency, and whether it is too high because the machine was busy. */
export const latencyCell = ({ latencyMs, isDisturbed }: Pick<TrialRow, "latencyMs" | "isDisturbed">): string =>
  `${ms(latencyMs)}${isDisturbed ? " (busy)" : ""}`;

/** The front as a table, and a sentence when none of it is fast enough. */
export function frontTable(trials: readonly TrialRow[], targetMs: number | null): string {
  const rows = table(
    ["trial", "latency", "accuracy", "reward", "params", "madds", "", "network"],
    trials.map((trial) => [
      String(trial.number),
      latencyCell(trial),
      percent(trial.accuracy),
      fixed(trial.reward),
      thousands(trial.params),
      thousands(trial.madds),
      targetMs !== null && meets(trial, targetMs) ? "✓ within target" : "",
      blocksOf(trial.notation),
    ]),
  );
  const fastest = trials[0];
  if (targetMs === null || fastest === undefined || meets(fastest, targetMs)) return rows;
  const says = `no trained network meets the target of ${ms(targetMs)}; the fastest takes ${ms(fastest.latencyMs)}`;
  return `${rows}\n${paint("yellow", says)}`;
}

export const finalsTable = (finals: readonly FinalRow[]): string =>
  table(
    ["network", "latency", "test accuracy", "validation", "params", "madds"],
    finals.map((row) => [
      row.name,
      latencyCell(row),
      row.testAccuracy === null
        ? (row.reason ?? "–")
        : `${percent(row.testAccuracy)} ± ${(100 * (row.testError ?? 0)).toFixed(2)}`,
      percent(row.accuracy),
      thousands(row.params),
      thousands(row.madds),
    ]),
  );

/** The blocks of a notation, which is what differs between members of a space. */
export const blocksOf = (notation: string): string =>
  notation
    .split(" ")
    .filter((token) => /^r\d/.test(token))
    .map((token) => token.replace(/_i\d+/, ""))
    .join(" ");
