import { join, resolve } from "node:path";
import { setTimeout } from "node:timers/promises";
import { buildGraph } from "../arch/build.ts";
import { changed, type RecordedConfig } from "../config/config.ts";
import type { Dataset } from "../data/dataset.ts";
import {
  EvaluationFailed,
  EvaluatorDied,
  type Evaluation,
  type Evaluator,
  type Order,
} from "../evaluator/evaluator.ts";
import { MnasError } from "../errors.ts";
import { parseArch } from "../space/notation.ts";
import type { Stop, Store, TrainingResult, Trial, TrialKey } from "../store/store.ts";
import { saveCheckpoint } from "../train/checkpoint.ts";
import { factsOf } from "../train/facts.ts";
import type { Recipe } from "../train/recipe.ts";
import { makeFolder } from "../util/files.ts";
import { watchKills } from "../util/machine.ts";
import type { FromWorker } from "./messages.ts";
import { changesLabels } from "./order.ts";

export interface WorkOptions {
  readonly store: Store;
  readonly evaluator: Evaluator;
  readonly config: RecordedConfig;
  /** The images that the evaluator trains on. */
  readonly dataset: Dataset;
  readonly runDir: string;
  /** Unique among all workers this run ever had. */
  readonly name: string;
  readonly signal: AbortSignal;
  readonly say: (message: FromWorker) => void;
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

/** How a trial is trained; whether finals mirror images may have been found out on the way. */
function recipeOf({ config, store }: Pick<WorkOptions, "config" | "store">, { phase, epochs }: Trial): Recipe {
  const { proxy, final } = config;
  const recipe = changed(phase === "search" ? proxy : final, { epochs: epochs ?? undefined });
  const isFound = phase === "final" && recipe.flip == null && changesLabels(store);
  return isFound ? { ...recipe, flip: false } : recipe;
}

/** Where an evaluator may leave weights, until they are checked and written as ours. */
const scratchFile = (runDir: string, key: TrialKey): string => resolve(runDir, trialDir(key), "evaluated.safetensors");

/** How often a training that waits at a rung looks whether it may go on. */
const lookMs = 20;
/** After so many looks it says again that it waits: what would let it go on may have been told by one that died. */
const looksToRepeat = 50;
/** After so many in a row at which one before it is held up, that one is taken. Looks, since a computer may have slept. */
const looksToGiveUp = 150;

/**
 * Waits for what a trial must have reached at its last rung, which depends on those before it. Undefined when it is not to be
 * trained here any more: it is another worker's, or one before it is stuck with another worker and should be taken first.
 */
async function barAt(
  trial: Trial,
  rungs: readonly number[],
  { store, name, signal, say }: WorkOptions,
  renew: () => boolean,
): Promise<number | null | undefined> {
  if (!store.reached(trial, name, rungs)) return undefined;
  const rung = rungs.length - 1;
  let stuck = 0;
  for (let look = 0; !signal.aborted; look++) {
    if (look % looksToRepeat === 0) say({ kind: "rung", phase: trial.phase, number: trial.number });
    const bar = store.trial(trial)?.bars?.[rung];
    if (bar !== undefined) return bar;
    stuck = store.isHeldUp(trial, rung, Date.now()) ? stuck + 1 : 0;
    if (!renew() || stuck >= looksToGiveUp) return undefined;
    await setTimeout(lookMs);
  }
  return undefined;
}

/** Why a trial ends at a rung, by what it must have reached there; null when it goes on. */
function failing(bar: number | null, share: number, accuracy: number): string | null {
  if (bar !== null && accuracy >= bar) return null;
  const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
  const need = bar === null ? "no accuracy is enough at its latency" : `${percent(bar)} needed at its latency`;
  return `after ${percent(share)} of its training: ${percent(accuracy)} accurate, ${need}`;
}

/**
 * Evaluates one trial as its phase asks, renewing the lease as it goes, unless it is stopped on the way; null when it was
 * given up for now, or another worker has it.
 */
async function evaluate(
  trial: Trial,
  options: WorkOptions,
): Promise<(Evaluation & Pick<TrainingResult, "rungs">) | Stop | null> {
  const { store, config, runDir, name, signal, say, evaluator, leaseMs = 60_000 } = options;
  const { phase, number, notation } = trial;
  const isSearch = phase === "search";
  const shares = isSearch ? (config.stopping?.rungs ?? []) : [];
  const order: Order = {
    phase,
    notation,
    recipe: recipeOf(options, trial),
    seed: seedOf(config, trial),
    withTest: !isSearch,
    rungs: shares,
    scratchFile: scratchFile(runDir, trial),
  };
  const evaluation = evaluator.evaluate(order, signal);
  /** So that a program that works on it stops. */
  const end = (why: string): Promise<unknown> => evaluation.throw(new Error(why)).catch(() => {});
  const rungs: number[] = [];
  const start = performance.now();
  let [renewed, said, waitedMs] = [Date.now(), 0, 0];
  const renew = (): boolean => {
    const now = Date.now();
    if (now - renewed <= leaseMs / 4) return true;
    renewed = now;
    return store.renew(trial, { worker: name, now, leaseMs });
  };

  for (;;) {
    const { done, value } = await evaluation.next();
    if (done === true)
      return { ...value, seconds: value.seconds - waitedMs / 1000, ...(shares.length === 0 ? {} : { rungs }) };
    const { step, steps, accuracy = null } = value;
    if (!renew()) {
      await end("the lease is lost");
      return null;
    }
    if (accuracy !== null) {
      rungs.push(accuracy);
      const came = performance.now();
      const bar = await barAt(trial, rungs, options, renew);
      waitedMs += performance.now() - came;
      if (bar === undefined) {
        await end("given up");
        store.release(name, false);
        return null;
      }
      const reason = failing(bar, step / steps, accuracy);
      if (reason !== null) {
        await end("stopped");
        return { rungs, seconds: (performance.now() - start - waitedMs) / 1000, reason };
      }
    }
    const now = Date.now();
    if (now - said > 250) {
      say({ kind: "progress", phase, number, step, steps });
      said = now;
    }
  }
}

/** Gives back a trial whose evaluator died; the third time, the trial has failed. */
function giveUp({ store, name, say }: WorkOptions, { phase, number }: Trial, how: string): void {
  const trial = store.release(name, true, "evaluator");
  say({ kind: "warning", message: `the evaluator died in ${phase} trial ${number} (${how})` });
  if (trial?.state === "failed") say({ kind: "ended", phase, number });
}

/** Takes trials and evaluates them until none waits. Safe to kill at any moment: the lease gives the trial back. */
export async function work(options: WorkOptions): Promise<void> {
  const { store, config, dataset, runDir, name, signal, say, leaseMs = 60_000 } = options;
  const isKilledForMemory = watchKills();
  while (!signal.aborted) {
    const trial = store.claim({ worker: name, now: Date.now(), leaseMs });
    if (trial === null) return;
    try {
      const evaluation = await evaluate(trial, options);
      if (evaluation === null) continue;
      if ("reason" in evaluation) {
        store.stop(trial, name, evaluation);
        say({ kind: "ended", phase: trial.phase, number: trial.number });
        continue;
      }
      const { weights } = evaluation;
      if (weights !== null) {
        makeFolder(join(runDir, trialDir(trial)));
        const recipe = config.evaluate === null ? recipeOf(options, trial) : null;
        const facts = factsOf({ ...evaluation, dataset, seed: config.seed, recipe });
        // Weights first: a complete trial always has them, if its evaluator gives any.
        saveCheckpoint(weightsFile(runDir, trial), buildGraph(parseArch(trial.notation)), {
          notation: trial.notation,
          weights,
          facts,
        });
      }
      store.complete(trial, name, evaluation);
    } catch (error) {
      if (signal.aborted) return void store.release(name, false);
      if (error instanceof EvaluatorDied && isKilledForMemory(error.how))
        throw new MnasError("MEMORY_FULL", `Cannot train: the system killed the evaluator (${error.message})`);
      if (error instanceof EvaluatorDied) {
        giveUp(options, trial, error.message);
        continue;
      }
      if (!(error instanceof EvaluationFailed)) throw error;
      store.fail(trial, name, error.message);
    }
    say({ kind: "ended", phase: trial.phase, number: trial.number });
  }
}
