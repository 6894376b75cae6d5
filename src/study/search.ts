import { join } from "node:path";
import type { Config } from "../config/config.ts";
import { inWords, onDamage } from "../data/damage.ts";
import { describeDataset, type Dataset } from "../data/dataset.ts";
import { guessWarning } from "../data/guess.ts";
import type { LatencyDevice } from "../device/device.ts";
import type { Access } from "../device/remote/access.ts";
import { guardWarning } from "../engine/guard.ts";
import { MnasError } from "../errors.ts";
import { dataFolder, exportData } from "../evaluator/data.ts";
import { ignoresTarget } from "../reward/reward.ts";
import { createSearcher, type Searcher } from "../search/searchers.ts";
import { describeTask, isSameTask, type Task } from "../space/arch.ts";
import { sizeOf } from "../space/space.ts";
import type { Store, Trial } from "../store/store.ts";
import { startPool, type Pool } from "../worker/pool.ts";
import { learn, measureBatch, proposeBatch, reuseTwins } from "./batch.ts";
import { taskOf } from "../data/task.ts";
import { comparisonsOf } from "./comparisons.ts";
import { deathOf, emitEnded } from "./ended.ts";
import { trialRow, type SearchEvent } from "./events.ts";
import { runFinals } from "./finals.ts";
import { bestOf, frontOf } from "./front.ts";
import { fastestOf, warnOutOfReach } from "./reach.ts";
import { writeReport } from "./report.ts";
import { searcherOptions } from "./objective.ts";
import { proxyNote } from "./proxy/record.ts";
import type { Run } from "./run.ts";
import { setBars } from "./bars.ts";
import { checkTrained } from "./trained.ts";
import type { Study } from "./study.ts";
import { findTarget } from "./target.ts";
import { poolOptions, workersOf } from "./workers.ts";

/** What of a search will hardly be as it was meant. */
function warningsOf({ reward }: Config, { name, predicts }: LatencyDevice, task: Task): string[] {
  const warnings: string[] = [];
  if (typeof reward !== "function" && ignoresTarget(reward))
    warnings.push("with alpha = beta the target does not change which network has the highest reward");
  const known = predicts?.task ?? task;
  if (!isSameTask(known, task))
    warnings.push(
      `${name} is of networks for ${describeTask(known)}, not for ${describeTask(task)}; what it says of these may be far off`,
    );
  return warnings;
}

/** Latencies of two devices cannot be compared, even if the same name opens both. */
function checkSameDevice(store: Store, { name, description }: LatencyDevice): void {
  const was = store.get("device");
  const isMeasured = store.trials("search").some(({ latency }) => latency !== null);
  if (was === null || !isMeasured || was.description === description) return;
  throw new MnasError(
    "RUN_MISMATCH",
    `Cannot go on measuring on "${name}", which is another device:\n  ${was.description} → ${description}`,
    {
      hint: "Go on with the device that the run was begun on, start a new run, or use --force to mix their latencies.",
    },
  );
}

export interface SearchOptions {
  readonly dataset: Dataset;
  readonly device: LatencyDevice;
  /** Where devices that join find us, for the device of the finals. */
  readonly listen?: Access | undefined;
  /** Goes on with latencies of two devices. */
  readonly isForced?: boolean;
  readonly signal: AbortSignal;
  readonly emit: (event: SearchEvent) => void;
}

/**
 * Runs or continues the search of a run to its end: batches of ask, measure, gate, train, tell; then the finalists.
 * May be stopped or killed anywhere; continued, it ends as if it had not been.
 *
 * @throws MnasError `RUN_MISMATCH` when latencies of another device are in the run, `MEMORY_FULL` when there is too little
 * for one worker, `TRAINING_FAILED` at the end when no training succeeded.
 */
export async function runSearch(
  run: Run,
  config: Config,
  { dataset, device, listen, isForced = false, signal, emit }: SearchOptions,
): Promise<void> {
  const { store } = run;
  if (!isForced) checkSameDevice(store, device);
  store.releaseAll();

  store.set("device", { description: device.description, origin: device.origin });
  onDamage(inWords((message) => emit({ event: "warning", message })));
  emit({ event: "data", description: describeDataset(dataset) });
  for (const message of dataset.warnings) emit({ event: "warning", message });
  emit({ event: "device", name: device.name, description: device.description, origin: device.origin });
  const slowness = config.evaluate === null ? guardWarning() : null;
  if (slowness !== null) emit({ event: "warning", message: slowness });
  for (const message of warningsOf(config, device, taskOf(dataset))) emit({ event: "warning", message });
  const known = { run, store, config, dataset, device, listen, signal, emit };
  const target = await findTarget(known);
  emit({ event: "target", ...target });
  const study: Study = { ...known, targetMs: target.targetMs };
  const done = store.trials("search").filter(({ reward }) => reward !== null).length;
  emit({
    event: "start",
    dir: run.dir,
    space: config.space.name,
    size: String(sizeOf(config.space)),
    searcher: config.searcher,
    trials: config.trials,
    batch: config.batch,
    workers: workersOf(config),
    seed: config.seed,
    evaluator: config.evaluate?.command ?? null,
    done,
  });

  const proxy = proxyNote(config, dataset);
  store.set("proxy", proxy);
  emit({ event: "proxy", validated: proxy });

  if (config.evaluate !== null) exportData(dataFolder(run.dir), dataset);
  await using pool = startPool({
    ...poolOptions(config, dataset, (message) => emit({ event: "warning", message })),
    runDir: run.dir,
    store,
    dataset,
    onMessage: (message) => {
      if (message.kind === "progress") emit({ ...message, event: "training" });
      if (message.kind === "ended") emitEnded(study, message);
      if (message.kind === "ended" || message.kind === "rung") setBars(study);
      if (message.kind === "warning") emit({ event: "warning", message: message.message });
    },
    onDeath: (message, trial) => {
      emit(deathOf(message));
      if (trial?.state === "failed") emitEnded(study, trial);
      // Also when it had ended its trial, but could not tell any more.
      setBars(study);
    },
  });
  await searchBatches(study, pool);
  const front = frontOf(store.trials("search")).map((trial) => trialRow(store, trial));
  const best = front.at(-1)?.accuracy ?? null;
  const warning = guessWarning(best, dataset.validation);
  if (warning !== null) emit({ event: "warning", message: warning });
  emit({ event: "front", trials: front });
  const finals = await runFinals(study, pool);
  const file = writeReport(run);
  const fastest = fastestOf(store.trials("search"));
  emit({
    event: "done",
    dir: run.dir,
    targetMs: study.targetMs,
    origin: device.origin,
    front,
    fastest: fastest === null ? null : trialRow(store, fastest),
    finals,
    comparisons: comparisonsOf(finals),
    report: join(run.dir, file),
  });
  checkTrained(store);
}

async function searchBatches(study: Study, pool: Pool): Promise<void> {
  const { store, config, signal, emit } = study;
  const searcher: Searcher = createSearcher(
    config.searcher,
    config.space,
    searcherOptions(config, taskOf(study.dataset), study.targetMs),
  );
  const batches = Math.ceil(config.trials / config.batch);

  for (let batch = 0; batch < batches; batch++) {
    signal.throwIfAborted();
    const from = batch * config.batch;
    const to = Math.min(config.trials, from + config.batch);
    proposeBatch(study, searcher, from, to);
    const isDone = batchOf(store, from, to).every(({ reward }) => reward !== null);
    if (!isDone) {
      await measureBatch(study, from, to);
      await pool.drain(signal);
      reuseTwins(study, from, to);
    }
    learn(study, searcher, from, to);
    if (isDone) continue;
    const trials = store.trials("search");
    const best = bestOf(trials, study.targetMs);
    emit({
      event: "batch",
      batch: batch + 1,
      batches,
      trials: trials.slice(from, to).map((trial) => trialRow(store, trial)),
      best: best === null ? null : trialRow(store, best),
    });
    warnOutOfReach(study);
    writeReport(study.run);
  }
}

const batchOf = (store: Store, from: number, to: number): Trial[] => store.trials("search").slice(from, to);
