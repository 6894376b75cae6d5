import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { trialRow } from "../src/study/events.ts";
import { finalRows } from "../src/study/final-row.ts";
import { frontOf } from "../src/study/front.ts";
import { openRun } from "../src/study/run.ts";
import type { Trial } from "../src/store/store.ts";
import { trialDir } from "../src/worker/work.ts";
import { start, type Ended } from "./mnas.ts";

/** A search that goes on, while things are done to it. */
export interface Life {
  /** The run folder. */
  readonly dir: string;
  readonly pid: number;
  /** Whether the search has ended. */
  readonly isOver: () => boolean;
}

const phases = ["search", "final"] as const;

const hashOf = (file: string): string | null =>
  existsSync(file) ? createHash("sha256").update(readFileSync(file)).digest("hex") : null;

/** What a trial has gained, which no fault may take from it. */
const gainOf = ({ phase, number, state, accuracy, testAccuracy, latency, reason }: Trial): object => ({
  phase,
  number,
  state,
  accuracy,
  testAccuracy,
  latency,
  reason,
});

/** Everything that has ended in a run, as `phase/number` and what it gained. */
export function gains(dir: string): Map<string, object> {
  if (!existsSync(join(dir, "study.db"))) return new Map();
  using run = openRun(dir);
  const ended = phases
    .flatMap((phase) => run.store.trials(phase))
    .filter(({ state }) => state !== "waiting" && state !== "running");
  return new Map(ended.map((trial) => [`${trial.phase}/${trial.number}`, gainOf(trial)]));
}

/** Everything that a finished run says, with hashes of its files. */
export function resultOf(dir: string): object {
  using run = openRun(dir);
  const trials = run.store.trials("search");
  const files = phases.flatMap((phase) =>
    run.store
      .trials(phase)
      .flatMap((trial) => ["weights.safetensors", "model.onnx"].map((name) => join(trialDir(trial), name))),
  );
  return {
    trials: trials.map((trial) => trialRow(run.store, trial)),
    front: frontOf(trials).map(({ number }) => number),
    finals: finalRows(run),
    files: files.map((file) => [file, hashOf(join(dir, file))]),
  };
}

/** The trials that are being trained. */
export function running(dir: string): Trial[] {
  using run = openRun(dir);
  return phases.flatMap((phase) => run.store.trials(phase)).filter(({ state }) => state === "running");
}

/** Runs or continues a search, and meanwhile `torments` it once it has begun. */
export async function live(
  args: readonly string[],
  { dir, cwd }: { readonly dir: string; readonly cwd: string },
  torment: (life: Life) => Promise<void>,
): Promise<Ended> {
  const before = gains(dir);
  const where = existsSync(join(dir, "study.db")) ? ["--resume", dir] : ["--out", dir];
  const { child, ended } = start(["search", "--json", ...args, ...where], cwd);
  let isOver = false;
  void ended.then(() => (isOver = true));
  const begun = new Promise<void>((resolve) => {
    child.stdout!.on("data", (text) => {
      if (String(text).includes('"event":"start"')) resolve();
    });
  });
  await Promise.race([begun, ended]);
  await torment({ dir, pid: child.pid!, isOver: () => isOver });
  const how = await ended;
  const after = gains(dir);
  expect(new Map([...after].filter(([key]) => before.has(key)))).toEqual(before);
  expect(how.stderr).not.toMatch(/\n\s+at |"BUG"/);
  return how;
}
