import { trialRow, type TrialRow } from "../study/events.ts";
import { frontOf } from "../study/front.ts";
import { fastestOf } from "../study/reach.ts";
import { findRun, openRun } from "../study/run.ts";
import { print, printJson } from "./output.ts";
import { frontTable, trialTable, untrainedText } from "./tables.ts";

/** `mnas pareto RUN` */
export function pareto(name: string, { json = false }: { json?: boolean }): void {
  using run = openRun(findRun(name));
  const front = frontOf(run.store.trials("search")).map((trial) => trialRow(run.store, trial));
  if (json) return printJson(front);
  const target = run.store.get("target");
  const fastest = fastestOf(run.store.trials("search"));
  print(
    front.length === 0
      ? untrainedText("no trial is trained yet", fastest)
      : frontTable(front, target?.targetMs ?? null),
  );
}

/** How a trial ended, in few words; `mnas show` says more of those that were pruned. */
const outcome = ({ source, state, reason }: TrialRow): string =>
  [
    state === "pruned" ? "over the gate" : state,
    ...(source === null ? [] : [`as trial ${source}`]),
    ...(reason === null || state === "pruned" ? [] : [reason]),
  ].join(": ");

/** `mnas trials RUN` */
export function trials(name: string, { json = false }: { json?: boolean }): void {
  using run = openRun(findRun(name));
  const rows = run.store.trials("search").map((trial) => trialRow(run.store, trial));
  if (json) return printJson(rows);
  print(trialTable(rows, ["state", outcome]));
}
