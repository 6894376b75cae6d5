import { join } from "node:path";
import { parseArch } from "../space/notation.ts";
import type { Proposal, Trial } from "../store/store.ts";
import { loadCheckpoint } from "../train/checkpoint.ts";
import { trialDir, weightsFile } from "../worker/work.ts";
import type { Pool } from "../worker/pool.ts";
import { candidateOf, deviceModel, taskOf } from "./candidate.ts";
import { trialRow, type FinalRow } from "./events.ts";
import { exportOnnx, probeImages } from "./export.ts";
import { frontOf } from "./front.ts";
import { referenceFinder } from "./reference.ts";
import type { Study } from "./search.ts";
import { writeFileAtomically } from "../util/files.ts";

/** The exported model of a finalist, relative to the run folder. */
const modelFile = (trial: Trial): string => join(trialDir(trial), "model.onnx");

/** Chooses the finalists and, for each, the reference network that takes as long. */
async function proposeFinals({ store, config, dataset, device, emit }: Study): Promise<void> {
  const trials = store.trials("search");
  const finalists = frontOf(trials)
    .sort((a, b) => (b.reward ?? 0) - (a.reward ?? 0) || a.number - b.number)
    .slice(0, config.finalists);
  const findReference = referenceFinder(device, taskOf(dataset));
  const proposals: Proposal[] = [];
  const seen = new Set<string>();
  for (const { number, genotype, notation, params, madds, latencyMs } of finalists) {
    proposals.push({ phase: "final", number: proposals.length, genotype, notation, source: number, params, madds });
    emit({
      event: "measuring",
      phase: "final",
      number: proposals.length,
      notation: `mobilenet-v2 as fast as trial ${number}`,
    });
    const { name, candidate } = await findReference(latencyMs);
    if (seen.has(candidate.notation)) continue;
    seen.add(candidate.notation);
    const { costs } = candidate;
    proposals.push({
      phase: "final",
      number: proposals.length,
      genotype: null,
      notation: candidate.notation,
      reference: name,
      params: costs.params,
      madds: costs.madds,
    });
  }
  store.clearFinals();
  store.add(proposals);
  store.set("finalsOf", trials.length);
}

/** Trains the finalists and their references long, tests and exports them. */
export async function runFinals(study: Study, pool: Pool): Promise<FinalRow[]> {
  const { store, config, device, run, dataset, signal, emit } = study;
  if (config.finalists === 0) return [];
  const isCurrent =
    store.get("finalsOf") === store.trials("search").length &&
    store.trials("final").filter(({ reference }) => reference === null).length ===
      Math.min(config.finalists, frontOf(store.trials("search")).length);
  if (!isCurrent) await proposeFinals(study);

  for (const trial of store.trials("final")) {
    if (trial.latency !== null) continue;
    signal.throwIfAborted();
    emit({ event: "measuring", phase: "final", number: trial.number, notation: trial.notation });
    store.measured(trial, {
      ...(await device.measure(deviceModel(candidateOf(parseArch(trial.notation))), { signal })),
    });
  }
  await pool.drain(signal);

  const images = probeImages(dataset, 16);
  for (const trial of store.trials("final")) {
    if (trial.state !== "complete" || trial.reference !== null) continue;
    signal.throwIfAborted();
    const { notation, weights } = loadCheckpoint(weightsFile(run.dir, trial));
    writeFileAtomically(
      join(run.dir, modelFile(trial)),
      await exportOnnx(candidateOf(parseArch(notation)), weights, dataset, images),
    );
  }
  return store.trials("final").map((trial) => finalRow(trial, dataset.test.count));
}

/** A final trial as it is printed; `testCount` is the number of test images behind its accuracy. */
export function finalRow(trial: Trial, testCount: number): FinalRow {
  const { reference, source, testAccuracy: p } = trial;
  return {
    ...trialRow(trial),
    name: reference ?? `trial ${source}`,
    isReference: reference !== null,
    testAccuracy: p,
    testError: p === null ? null : Math.sqrt((p * (1 - p)) / testCount),
    model: trial.state === "complete" && reference === null ? modelFile(trial) : null,
  };
}
