import { join } from "node:path";
import { MnasError } from "../errors.ts";
import { parseArch } from "../space/notation.ts";
import type { FinalProposal } from "../store/store.ts";
import { loadCheckpoint } from "../train/checkpoint.ts";
import { weightsFile } from "../worker/work.ts";
import type { Pool } from "../worker/pool.ts";
import { candidateOf } from "./candidate.ts";
import type { FinalRow } from "./events.ts";
import { exportOnnx, probeImages } from "./export.ts";
import { finalistReferences, openFinalsDevice } from "./finals-device.ts";
import { finalRow, finalsOf, modelFile } from "./final-row.ts";
import { frontOf } from "./front.ts";
import { measureTrials } from "./measure.ts";
import type { Study } from "./search.ts";
import { writeFileAtomically } from "../util/files.ts";

/** Chooses the finalists and, for each, the reference network that takes as long. */
async function proposeFinals(study: Study): Promise<void> {
  const { store, config, emit } = study;
  const trials = store.trials("search");
  const finalists = frontOf(trials)
    .sort((a, b) => (b.reward ?? 0) - (a.reward ?? 0) || a.number - b.number)
    .slice(0, config.finalists);
  const findReference = finalistReferences(study);
  const proposals: FinalProposal[] = [];
  const seen = new Set<string>();
  for (const finalist of finalists) {
    const { number, genotype, notation, params, madds } = finalist;
    proposals.push({ genotype, notation, source: number, params, madds });
    emit({
      event: "measuring",
      phase: "final",
      number: proposals.length,
      notation: `mobilenet-v2 as fast as trial ${number}`,
    });
    const found = await findReference(finalist);
    if (found === null) continue;
    const { name, candidate } = found;
    if (seen.has(candidate.notation)) continue;
    seen.add(candidate.notation);
    const { costs } = candidate;
    proposals.push({
      genotype: null,
      notation: candidate.notation,
      reference: name,
      params: costs.params,
      madds: costs.madds,
    });
  }
  store.replaceFinals(proposals, trials.length);
}

/** Lets finals whose weights cannot be read back, as after a power cut, be trained again. */
function retryLost({ store, run, emit }: Study): void {
  for (const trial of store.trials("final")) {
    if (trial.state !== "complete") continue;
    try {
      loadCheckpoint(weightsFile(run.dir, trial));
    } catch (error) {
      if (!(error instanceof MnasError)) throw error;
      emit({ event: "warning", message: `${error.message}; training it again` });
      store.retry(trial);
    }
  }
}

/** Trains the finalists and their references long, tests and exports them. */
export async function runFinals(study: Study, pool: Pool): Promise<FinalRow[]> {
  const { store, config, run, dataset, signal } = study;
  if (config.finalists === 0) return [];
  const isCurrent =
    store.get("finalsOf") === store.trials("search").length &&
    store.trials("final").filter(({ reference }) => reference === null).length ===
      Math.min(config.finalists, frontOf(store.trials("search")).length);
  await using device = await openFinalsDevice(study);
  const measuring = { ...study, device };
  if (!isCurrent) await proposeFinals(measuring);

  retryLost(study);
  await measureTrials(
    measuring,
    store.trials("final").filter(({ latency }) => latency === null),
  );
  await pool.drain(signal);

  const images = await probeImages(dataset, 16);
  for (const trial of store.trials("final")) {
    if (trial.state !== "complete" || trial.reference !== null) continue;
    signal.throwIfAborted();
    const { notation, weights } = loadCheckpoint(weightsFile(run.dir, trial));
    writeFileAtomically(
      join(run.dir, modelFile(trial)),
      await exportOnnx(candidateOf(parseArch(notation)), weights, dataset, images),
    );
  }
  return finalsOf(store).map((trial) => finalRow(trial, dataset.test.count));
}
