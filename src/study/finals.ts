import { existsSync } from "node:fs";
import { join } from "node:path";
import { MnasError } from "../errors.ts";
import { labelsName, labelsText } from "../lower/tflite-metadata.ts";
import { parseArch } from "../space/notation.ts";
import type { Trial } from "../store/store.ts";
import { loadCheckpoint } from "../train/checkpoint.ts";
import { modelFacts } from "../train/facts.ts";
import { writeFileAtomically } from "../util/files.ts";
import type { Pool } from "../worker/pool.ts";
import { trialDir, weightsFile } from "../worker/work.ts";
import { networkOf } from "../arch/network.ts";
import { trialRow, type FinalRow } from "./events.ts";
import { exportModel } from "../export/export-model.ts";
import { bestTraining, finalNetworks, finalRows, modelFile } from "./final-row.ts";
import { finalPlanner } from "./final-plan.ts";
import { openFinalsDevice } from "./finals-device.ts";
import { formatNames } from "../export/formats.ts";
import { isUnmeasured, measureTrials } from "./measure.ts";
import { checkMirror, fallenTexts } from "./mirror-check.ts";
import { judgedImages, probeImages } from "../export/probe-images.ts";
import type { Study } from "./study.ts";

/** Whether a training left none because the evaluator wrote none. */
const isWeightless = ({ config, run }: Study, trial: Trial): boolean =>
  config.evaluate !== null && !existsSync(weightsFile(run.dir, trial));

/** Lets trainings whose weights cannot be read back, as after a power cut, be made again. */
function retryLost(study: Study): void {
  const { store, run, emit } = study;
  for (const trial of store.trials("final")) {
    if (trial.state !== "complete" || isWeightless(study, trial)) continue;
    try {
      loadCheckpoint(weightsFile(run.dir, trial));
    } catch (error) {
      if (!(error instanceof MnasError)) throw error;
      emit({ event: "warning", message: `${error.message}; training it again` });
      store.retry(trial);
    }
  }
}

/** Measures each network once, for all of its trainings, whatever became of these since it was only predicted. */
async function measureNetworks(study: Study): Promise<void> {
  const { store, device } = study;
  const firstOf = (notation: string) => store.trials("final").find((trial) => trial.notation === notation)!;
  const open = store
    .trials("final")
    .filter(({ latency, state }) => isUnmeasured(device, latency) && (latency !== null || state === "waiting"));
  const firsts = open.filter(({ notation, number }) => firstOf(notation).number === number);
  await measureTrials(study, firsts);
  for (const trial of open) {
    const { number, latency, state, reason } = firstOf(trial.notation);
    if (number === trial.number) continue;
    if (latency !== null) store.measured(trial, latency);
    else if (state === "failed") store.reject(trial, reason ?? "it cannot be measured");
  }
}

/** Exports the best training of each finalist. */
async function exportFinalists(study: Study): Promise<void> {
  const { store, run, config, dataset, signal, emit } = study;
  for (const { name, isReference, trainings } of finalNetworks(store)) {
    const best = bestTraining(trainings);
    if (best === null || isReference) continue;
    signal.throwIfAborted();
    if (isWeightless(study, best)) {
      emit({ event: "warning", message: `${name} has no model: the evaluator wrote no weights for it` });
      continue;
    }
    const { notation, weights, facts } = loadCheckpoint(weightsFile(run.dir, best));
    const candidate = networkOf(parseArch(notation));
    const judged = judgedImages(dataset, facts ?? modelFacts(dataset, config.evaluate === null ? config.final : null));
    const images = await probeImages(judged, 16);
    for (const format of formatNames) {
      const model = await exportModel(format, candidate, weights, judged, images);
      writeFileAtomically(join(run.dir, modelFile(best, format)), model);
    }
    writeFileAtomically(join(run.dir, trialDir(best), labelsName), labelsText(judged.classes));
  }
}

/**
 * Trains the finalists and their baselines long, each from several seeds, tests and exports them. Which baselines are
 * needed shows as they are trained, so it plans and trains until the plan stays as it is.
 */
export async function runFinals(study: Study, pool: Pool): Promise<FinalRow[]> {
  const { store, config, signal, emit } = study;
  if (config.finalists === 0) return [];
  retryLost(study);
  await checkMirror(study);
  await using device = await openFinalsDevice(study);
  const measuring = { ...study, device };
  const plan = finalPlanner(measuring);
  let planned = 0;
  for (;;) {
    const wanted = await plan();
    store.replaceFinals(wanted);
    if (wanted.length === planned) break;
    planned = wanted.length;
    const done = store.trials("final").filter(({ state }) => state === "complete" || state === "failed").length;
    emit({ event: "finals", trainings: planned, done });
    await measureNetworks(measuring);
    await pool.drain(signal);
  }
  await exportFinalists(study);
  const rows = finalRows(study.run);
  const trials = store.trials("search").map((trial) => trialRow(store, trial));
  for (const message of fallenTexts(trials, rows)) emit({ event: "warning", message });
  return rows;
}
