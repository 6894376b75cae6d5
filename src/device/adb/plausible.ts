import type { ToolRun } from "./tool-run.ts";

/** The run that a program tells of; null where its numbers cannot be, such as a time of 0. */
export function plausibleRun(run: ToolRun): ToolRun | null {
  const { count, warmup, medianMs, p90Ms, minMs, deviationMs } = run;
  const isPlausible =
    [count, medianMs, p90Ms].every((value) => value > 0 && value < Infinity) &&
    [warmup, minMs, deviationMs].every((value) => value >= 0 && value < Infinity);
  return isPlausible ? run : null;
}
