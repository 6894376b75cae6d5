import { buildGraph } from "../arch/build.ts";
import type { Config } from "../config/config.ts";
import type { Dataset } from "../data/dataset.ts";
import { trainingBytes } from "../engine/engine.ts";
import { parseArch } from "../space/notation.ts";
import type { Trial } from "../store/store.ts";
import { planFor } from "../train/recipe.ts";
import { gib } from "../util/machine.ts";

/** The most workers that are of use, at least one, and why no more are. */
export interface Bound {
  readonly count: number;
  readonly why: string;
}

export interface Circumstances {
  /** That mnas may use; null where something else trains. */
  readonly cores: number | null;
  /** Trainings that can be done now. */
  readonly trainings: number;
  /** Bytes that can be had, and those that a worker takes at most; null where they are not known. */
  readonly memory: { readonly available: number; readonly each: number } | null;
}

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;

export function boundWorkers({ cores, trainings, memory }: Circumstances): Bound {
  const bounds: Bound[] = [{ count: trainings, why: `${counted(trainings, "training")} can be done now` }];
  if (cores !== null) bounds.push({ count: cores, why: `mnas may use ${counted(cores, "core")}` });
  if (memory !== null) {
    const { available, each } = memory;
    const why = `a worker takes up to ${gib(each)} of memory, and ${gib(available)} can be had`;
    bounds.push({ count: Math.max(1, Math.floor(available / each)), why });
  }
  return bounds.reduce((least, bound) => (bound.count < least.count ? bound : least));
}

/** A worker before it trains; 106 and 119 MiB were seen. */
const idleBytes = 120 * 2 ** 20;
/** Networks that need more fail before they take any. */
const mostBytes = 2 ** 32;

/** Bytes that a worker takes for a training of a search by mnas itself. */
export function workerBytes({ proxy, final }: Pick<Config, "proxy" | "final">, dataset: Pick<Dataset, "train">) {
  return ({ phase, notation }: Pick<Trial, "phase" | "notation">): number => {
    const recipe = phase === "search" ? proxy : final;
    const bytes = trainingBytes(buildGraph(parseArch(notation)), { ...recipe, ...planFor(recipe, dataset) });
    return idleBytes + (bytes > mostBytes ? 0 : bytes);
  };
}
