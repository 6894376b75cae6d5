import { rmSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../../config/config.ts";
import { inWords, onDamage } from "../../data/damage.ts";
import { describeDataset, type Dataset } from "../../data/dataset.ts";
import type { Warning } from "../../device/options.ts";
import { MnasError } from "../../errors.ts";
import type { Trial } from "../../store/store.ts";
import { planFor } from "../../train/recipe.ts";
import { createRng } from "../../util/rng.ts";
import { startPool } from "../../worker/pool.ts";
import { taskOf } from "../../data/task.ts";
import { deathOf, failureOf } from "../ended.ts";
import type { Run } from "../run.ts";
import { poolOptions, workersOf } from "../workers.ts";
import { timePerMadd, workOf } from "./estimate.ts";
import { diverseNetworks, type Member } from "./networks.ts";
import { saveValidation, type Validation } from "./record.ts";
import { fewestNetworks, validationOf } from "./result.ts";
import { addTrainings, levelsOf, trainingsOf } from "./trainings.ts";

/** What a validation tells while it runs. */
export type ValidationEvent =
  | {
      readonly event: "start";
      readonly dir: string;
      readonly data: string;
      readonly space: string;
      readonly networks: number;
      readonly trainings: number;
      readonly done: number;
      readonly workers: number;
      /** About how many seconds what is left takes. */
      readonly seconds: number;
    }
  /** `share` of all work is done. */
  | { readonly event: "training"; readonly share: number }
  | {
      readonly event: "trained";
      readonly network: string;
      readonly epochs: number;
      readonly seed: number;
      readonly accuracy: number | null;
      readonly done: number;
      readonly share: number;
    }
  | Warning
  | { readonly event: "done"; readonly file: string; readonly validation: Validation };

export interface ValidateOptions {
  readonly dataset: Dataset;
  readonly networks: number;
  readonly signal: AbortSignal;
  readonly emit: (event: ValidationEvent) => void;
}

/** The networks that a config's proxy is validated on. Throws `SPACE_INVALID` when the space has too few. */
function networksOf(config: Config, dataset: Dataset, count: number): Member[] {
  const rng = createRng(config.seed).fork("validate-proxy");
  const networks = diverseNetworks(config.space, taskOf(dataset), count, rng);
  if (networks.length >= fewestNetworks) return networks;
  const is = `it has ${networks.length} networks that can be built`;
  throw new MnasError("SPACE_INVALID", `Cannot validate a proxy in space "${config.space.name}": ${is}`, {
    hint: `A ranking needs ${fewestNetworks} or more; give the space more choices.`,
  });
}

const isEnded = ({ state }: Trial): boolean => state === "complete" || state === "failed";

/**
 * Trains diverse networks of a space by the proxy recipe, at several lengths, and by the full one, and tells how well the
 * first ranks them. May be stopped or killed anywhere; continued, it ends with the same accuracies.
 *
 * @throws MnasError `SPACE_INVALID` when the space has too few networks, `CONFIG_INVALID` when too few could be trained.
 */
export async function validateProxy(
  run: Run,
  config: Config,
  { dataset, networks: count, signal, emit }: ValidateOptions,
): Promise<void> {
  const { store } = run;
  store.releaseAll();
  // What a proxy says at its end is what is validated; nobody judges these trainings on their way.
  store.set("config", { ...store.get("config")!, stopping: null });
  const networks = networksOf(config, dataset, count);
  const levels = levelsOf(config, dataset);
  addTrainings(store, networks, levels);
  const all = [...store.trials("search"), ...store.trials("final")];
  const work = (trial: Trial): number => workOf(trial, config, dataset);
  const total = all.reduce((sum, trial) => sum + work(trial), 0);
  let done = all.filter(isEnded).reduce((sum, trial) => sum + work(trial), 0);
  let ended = all.filter(isEnded).length;
  const workers = workersOf(config);
  for (const message of dataset.warnings) emit({ event: "warning", message });
  emit({
    event: "start",
    dir: run.dir,
    data: describeDataset(dataset),
    space: config.space.name,
    networks: networks.length,
    trainings: all.length,
    done: ended,
    workers,
    seconds: done === total ? 0 : ((total - done) * (await timePerMadd(networks, config, dataset))) / workers,
  });

  const running = new Map<string, number>();
  const shareNow = (): number => (done + [...running.values()].reduce((sum, part) => sum + part, 0)) / total;
  const epochsOf = ({ phase, epochs }: Trial): number =>
    epochs ?? planFor(phase === "search" ? config.proxy : config.final, dataset).epochs;
  const end = (trial: Trial): void => {
    running.delete(`${trial.phase}/${trial.number}`);
    done += work(trial);
    ended += 1;
    const { notation: network, seed, accuracy } = trial;
    // Full trainings have no trial of their own that shows the network.
    const shown = store.trials("search").find(({ notation }) => notation === network) ?? trial;
    if (trial.state === "failed") emit(failureOf(run, { ...shown, reason: trial.reason }));
    emit({ event: "trained", network, epochs: epochsOf(trial), seed, accuracy, done: ended, share: shareNow() });
  };
  onDamage(inWords((message) => emit({ event: "warning", message })));
  await using pool = startPool({
    ...poolOptions(config, dataset, (message) => emit({ event: "warning", message })),
    runDir: run.dir,
    store,
    dataset,
    onMessage: (message) => {
      if (message.kind === "progress") {
        const part = (message.step / message.steps) * work(store.trial(message)!);
        running.set(`${message.phase}/${message.number}`, part);
        emit({ event: "training", share: shareNow() });
      }
      if (message.kind === "ended") end(store.trial(message)!);
    },
    onDeath: (message, trial) => {
      emit(deathOf(message));
      if (trial?.state === "failed") end(trial);
    },
  });
  await pool.drain(signal);

  const trainings = trainingsOf(store, networks.length);
  const validation = validationOf(config, dataset, { asked: count, networks, levels, trainings });
  const file = saveValidation(config, dataset, validation);
  // The accuracies are kept, the weights are of no use.
  for (const name of ["trials", "finals"]) rmSync(join(run.dir, name), { recursive: true, force: true });
  emit({ event: "done", file, validation });
}
