import type { LatencyRecord } from "../latency.ts";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArch } from "../space/notation.ts";
import { networkOf } from "../arch/network.ts";
import { trialRow } from "../study/events.ts";
import { finalRows } from "../study/final-row.ts";
import { openRun } from "../study/run.ts";
import { weightsFile } from "../worker/work.ts";
import { layersTable } from "./models.ts";
import { findTrial } from "./network.ts";
import { accuracyCell, testedCell } from "./tables.ts";
import { counted, fixed, ms, print, printJson, thousands } from "./output.ts";

/** `mnas show RUN#N` */
export function show(text: string, { json = false }: { json?: boolean }): void {
  const { dir, trial } = findTrial(text);
  using run = openRun(dir);
  const { costs } = networkOf(parseArch(trial.notation));
  const long = finalRows(run).find(({ notation }) => notation === trial.notation) ?? null;
  const inRun = (file: string | null | undefined): string | null => (file == null ? null : join(dir, file));
  const models = { model: inRun(long?.model), tflite: inRun(long?.tflite) };
  const weights = weightsFile(dir, trial);
  if (json) {
    return printJson({
      ...trialRow(run.store, trial),
      latency: trial.latency,
      seconds: trial.seconds,
      weights: existsSync(weights) ? weights : null,
      final: long === null ? null : { ...long, ...models },
      peakActivationBytes: costs.peakActivationBytes,
      layers: costs.layers,
    });
  }
  const line = (name: string, value: string): void => print(`${name.padEnd(10)}${value}`);
  line("trial", `${trial.number} of ${dir}`);
  line("state", [trial.state, trial.reason].filter(Boolean).join(": "));
  line("network", trial.notation);
  line("accuracy", `${accuracyCell(trialRow(run.store, trial))} on validation after the proxy training`);
  if (long !== null)
    line(
      "final",
      `${testedCell(long)} on test, ${accuracyCell(long)} on validation after ${counted(long.seeds.length, "long training")}`,
    );
  line("latency", trial.latency === null ? "–" : latencyLine(trial.latency));
  line("reward", fixed(trial.reward));
  line(
    "cost",
    `${thousands(costs.params)} parameters, ${thousands(costs.madds)} multiply-adds, ${thousands(costs.peakActivationBytes)}B of activations`,
  );
  if (existsSync(weights)) line("weights", weights);
  for (const model of Object.values(models)) if (model !== null) line("model", model);
  print();
  print(layersTable(costs));
}

/** A latency record in one line. */
export function latencyLine(latency: LatencyRecord): string {
  const { medianMs, p90Ms, lowMs, highMs, runs, device, runtime, runtimeVersion, threads, provider } = latency;
  const { origin, isUnstable = false, notes = [] } = latency;
  if (origin === "proxy") return `${ms(medianMs)} (${device}: a proxy, computed from multiply-adds)`;
  if (origin === "predicted") return `${ms(medianMs)} (predicted for ${device}, not measured)`;
  const interval = `95 % interval ${ms(lowMs ?? null)} to ${ms(highMs ?? null)}`;
  const where = `${runs} runs, ${device}, ${threads} thread, ${runtime} ${runtimeVersion} ${provider}`;
  const remarks = [...(isUnstable ? ["may be too high: the device was not stable"] : []), ...notes];
  return [`${ms(medianMs)} median (${interval}), p90 ${ms(p90Ms ?? null)}, ${where}`, ...remarks].join("; ");
}
