import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { buildGraph } from "../arch/build.ts";
import { changed, type RecordedConfig } from "../config/config.ts";
import type { Dataset } from "../data/dataset.ts";
import { MnasError } from "../errors.ts";
import { parseArch } from "../space/notation.ts";
import type { Claim, Store, Trial, TrialKey } from "../store/store.ts";
import { saveCheckpoint } from "../train/checkpoint.ts";
import { Diverged, train, type Trained } from "../train/trainer.ts";
import type { FromWorker } from "./messages.ts";

export interface WorkOptions {
  readonly store: Store;
  readonly dataset: Dataset;
  readonly config: RecordedConfig;
  readonly runDir: string;
  /** Unique among all workers this run ever had. */
  readonly name: string;
  readonly signal: AbortSignal;
  readonly say: (message: FromWorker) => void;
  /** See `TrainOptions.hold`. */
  readonly hold?: <T>(step: () => T) => T;
  readonly leaseMs?: number;
}

/** Where a trial's files are, relative to the run folder: `trials/000042` or `finals/000001`. */
export const trialDir = ({ phase, number }: TrialKey): string =>
  join(phase === "search" ? "trials" : "finals", String(number).padStart(6, "0"));

/** The weights of a trained trial. */
export const weightsFile = (runDir: string, key: TrialKey): string =>
  join(runDir, trialDir(key), "weights.safetensors");

/** By notation and not by number: equal networks are equal trials, whoever trains them and when. */
const seedOf = ({ seed }: RecordedConfig, trial: Trial): string =>
  `${seed}/${trial.phase}/${trial.notation}${trial.seed === 0 ? "" : `/${trial.seed}`}`;

/** Trains one trial as its phase asks, renewing the lease as it goes; null when another worker has the trial now. */
async function evaluate(
  trial: Trial,
  { store, dataset, config, name, signal, say, hold, leaseMs = 60_000 }: WorkOptions,
): Promise<Trained | null> {
  const claim = (): Claim => ({ worker: name, now: Date.now(), leaseMs });
  const training = train({
    graph: buildGraph(parseArch(trial.notation)),
    dataset,
    recipe: changed(trial.phase === "search" ? config.proxy : config.final, { epochs: trial.epochs ?? undefined }),
    seed: seedOf(config, trial),
    withTest: trial.phase === "final",
    signal,
    ...(hold === undefined ? {} : { hold }),
  });
  let renewed = Date.now();
  let said = 0;
  for (;;) {
    const { done, value } = await training.next();
    if (done === true) return value;
    const now = Date.now();
    if (now - renewed > leaseMs / 4) {
      if (!store.renew(trial, claim())) return null;
      renewed = now;
    }
    if (now - said > 250) {
      say({ kind: "progress", phase: trial.phase, number: trial.number, step: value.step, steps: value.steps });
      said = now;
    }
  }
}

/** Whether an error tells of one network: its loss left the numbers, or it needs more memory than there is. */
const isFailure = (error: unknown): error is Error =>
  error instanceof Diverged || (error instanceof MnasError && error.code === "CONFIG_INVALID");

/** Takes trials and trains them until none waits. Safe to kill at any moment: the lease gives the trial back. */
export async function work(options: WorkOptions): Promise<void> {
  const { store, runDir, name, signal, say, leaseMs = 60_000 } = options;
  while (!signal.aborted) {
    const trial = store.claim({ worker: name, now: Date.now(), leaseMs });
    if (trial === null) return;
    try {
      const trained = await evaluate(trial, options);
      if (trained === null) continue;
      mkdirSync(join(runDir, trialDir(trial)), { recursive: true });
      // Weights first: a complete trial always has them.
      saveCheckpoint(weightsFile(runDir, trial), buildGraph(parseArch(trial.notation)), {
        notation: trial.notation,
        weights: trained.weights,
      });
      store.complete(trial, name, trained);
    } catch (error) {
      if (signal.aborted) return void store.release(name, false);
      if (!isFailure(error)) throw error;
      store.fail(trial, name, error.message);
    }
    say({ kind: "ended", phase: trial.phase, number: trial.number });
  }
}
