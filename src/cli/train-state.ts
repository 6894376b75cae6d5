import { createHash } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { EngineState } from "../engine/engine.ts";
import { MnasError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { loadState, saveState, type TrainIdentity } from "../train/state.ts";
import type { Progress } from "../train/trainer.ts";
import { checkWritable } from "../util/files.ts";
import { holderOf, takeLock } from "../util/lock.ts";
import { checkOut } from "./export.ts";

/** Where a training that is to end in a file of weights keeps its state. */
const stateFile = (out: string): string => `${out}.state`;

/**
 * Only one process of this machine at a time trains to a file. The lock lies elsewhere, so that nothing is left beside the
 * weights whatever ends the process; where it cannot be made, a training goes without.
 */
function lockTraining(out: string): DisposableStack {
  const stack = new DisposableStack();
  const file = join(tmpdir(), `mnas-train-${createHash("sha256").update(resolve(out)).digest("hex").slice(0, 32)}.db`);
  let lock: Disposable | null;
  try {
    lock = takeLock(file, 0);
  } catch {
    return stack;
  }
  if (lock === null) {
    const { who, stop } = holderOf(file);
    throw new MnasError("RUN_BUSY", `Cannot train to "${out}": ${who} is training to it`, {
      hint: `Wait for it, ${stop}, or choose another --out.`,
    });
  }
  stack.defer(() => rmSync(file, { force: true }));
  stack.use(lock);
  return stack;
}

/** Takes a file to train to. Refuses, before any work, what would lose a file or a training. */
export function claimTraining(out: string, { resume, force }: { resume: boolean; force: boolean }): Disposable {
  if (resume) checkWritable(out);
  else checkOut(out, force);
  using lock = lockTraining(out);
  const hasState = existsSync(stateFile(out));
  if (resume && !hasState) {
    throw new MnasError("FILE_NOT_FOUND", `Cannot resume: there is no "${stateFile(out)}"`, {
      hint: existsSync(out) ? `The training of "${out}" has ended.` : "Leave out --resume.",
    });
  }
  if (hasState && !resume && !force) {
    throw new MnasError("RUN_EXISTS", `Cannot train to "${out}": an interrupted training left "${stateFile(out)}"`, {
      hint: "Use --resume to continue it, or --force to begin anew.",
    });
  }
  return lock.move();
}

/** Keeps the state of a training in a file while it lasts. */
export interface StateKeeper {
  /** Where to go on, if that was asked for. */
  readonly resume: EngineState | undefined;
  /** To be told each step; writes the state now and then. */
  after(progress: Progress, isEpochEnd: boolean): void;
  /** Writes the state, unless a step is under way; the step after which the file goes on, or null without a file. */
  save(): number | null;
  /** The training has ended, and its weights are safe. */
  remove(): void;
}

/** Often enough to lose little, seldom enough to cost little; steps of large networks take seconds. */
const restMs = { atEpochEnd: 1000, withinEpoch: 60_000 } as const;

export function createKeeper(out: string, graph: Graph, identity: TrainIdentity, isResumed: boolean): StateKeeper {
  const file = stateFile(out);
  const resume = isResumed ? loadState(file, graph, identity) : undefined;
  if (!isResumed) rmSync(file, { force: true });
  let last: Progress | null = null;
  let saved = performance.now();
  let kept = resume?.steps ?? null;
  const save = (): number | null => {
    const state = last?.state() ?? null;
    if (state === null) return kept;
    saveState(file, graph, state, identity);
    saved = performance.now();
    kept = state.steps;
    return kept;
  };
  return {
    resume,
    after(progress, isEpochEnd) {
      last = progress;
      if (performance.now() - saved >= (isEpochEnd ? restMs.atEpochEnd : restMs.withinEpoch)) save();
    },
    save,
    remove: () => rmSync(file, { force: true }),
  };
}
