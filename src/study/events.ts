import type { LatencyRecord, Origin } from "../latency.ts";
import type { Notice } from "../device/options.ts";
import type { Comparison } from "../report/report.ts";
import type { ProxyNote } from "../store/facts.ts";
import type { Phase, Store, Trial } from "../store/store.ts";

/** What a search tells while it runs; the command line draws it, `--json` prints it. */
export type SearchEvent =
  | Notice
  | { readonly event: "data"; readonly description: string }
  | { readonly event: "device"; readonly name: string; readonly description: string; readonly origin: Origin }
  | { readonly event: "target"; readonly targetMs: number; readonly source: string }
  | {
      readonly event: "start";
      readonly dir: string;
      readonly space: string;
      readonly size: string;
      readonly searcher: string;
      readonly trials: number;
      readonly batch: number;
      readonly workers: number;
      readonly seed: number;
      /** The words of the command that trains; null where mnas does. */
      readonly evaluator: readonly string[] | null;
      readonly done: number;
    }
  /** How well the proxy ranks, if it was validated on this space and these data. */
  | { readonly event: "proxy"; readonly validated: ProxyNote | null }
  | { readonly event: "measuring"; readonly phase: Phase; readonly number: number; readonly notation: string }
  | {
      readonly event: "training";
      readonly phase: Phase;
      readonly number: number;
      readonly step: number;
      readonly steps: number;
    }
  /** A trial ended, in whatever way. */
  | { readonly event: "trial"; readonly trial: TrialRow }
  | {
      readonly event: "batch";
      readonly batch: number;
      readonly batches: number;
      readonly trials: readonly TrialRow[];
      readonly best: TrialRow | null;
    }
  | { readonly event: "front"; readonly trials: readonly TrialRow[] }
  /** So many long trainings are planned by now; more when a baseline of another width is needed. */
  | { readonly event: "finals"; readonly trainings: number; readonly done: number }
  /** A long training ended. A finalist's model is exported when all have, and named by `done`. */
  | { readonly event: "final"; readonly name: string; readonly isReference: boolean; readonly training: FinalTraining }
  | {
      readonly event: "done";
      readonly dir: string;
      readonly targetMs: number;
      /** Where all latencies come from. */
      readonly origin: Origin;
      readonly front: readonly TrialRow[];
      /** The trial of the lowest latency, whether trained or not; null when none was measured. */
      readonly fastest: TrialRow | null;
      readonly finals: readonly FinalRow[];
      readonly comparisons: readonly Comparison[];
      readonly report: string;
    };

/** A trial as commands print it. */
export interface TrialRow {
  readonly number: number;
  readonly state: Trial["state"];
  readonly notation: string;
  readonly accuracy: number | null;
  /**
   * One standard error of `accuracy` that other validation images would bring, √(p(1−p) / images); null where their number
   * is not known.
   */
  readonly accuracyError: number | null;
  readonly latencyMs: number | null;
  /** Whether the device was not stable whenever the latency was measured, so that it may be too high. */
  readonly isUnstable: boolean;
  readonly reward: number | null;
  readonly params: number;
  readonly madds: number;
  readonly reason: string | null;
  /** Accuracies on the way, where its training was judged there. */
  readonly rungs: readonly number[] | null;
  /** The trial whose result this one reuses. */
  readonly source: number | null;
}

/** One long training. */
export interface FinalTraining {
  readonly number: number;
  readonly seed: number;
  readonly state: Trial["state"];
  readonly accuracy: number | null;
  readonly testAccuracy: number | null;
  readonly reason: string | null;
}

/** A finalist, or a baseline that it is compared with. Accuracies are means over its trainings. */
export interface FinalRow extends TrialRow {
  /** `trial N`, or the reference network's name. */
  readonly name: string;
  readonly isReference: boolean;
  /** What was predicted of it before it was measured; null when nothing was. */
  readonly predictedMs: number | null;
  readonly testAccuracy: number | null;
  /** Standard deviation of the test accuracy between trainings; null for a single one. */
  readonly testDeviation: number | null;
  /**
   * One standard error of the mean test accuracy, √(deviation² / trainings + p(1−p) / test images): other seeds and other
   * images. Of a single training it is of the images alone.
   */
  readonly testError: number | null;
  /** Test images behind each accuracy. */
  readonly testCount: number;
  /** Every training; `number` is that of the one that is exported, the best on validation. */
  readonly seeds: readonly FinalTraining[];
  /** The exported model, relative to the run folder; null without one. */
  readonly model: string | null;
  /** The same as a TFLite model. */
  readonly tflite: string | null;
}

export const isUnstable = (latency: LatencyRecord | null): boolean => latency?.isUnstable === true;

/**
 * One standard error that the choice of `count` images brings to the share of them that is classified right, √(p(1−p) / n).
 * All or none of few images are no certainty: p keeps half an image away from 0 and 1.
 */
export function imagesError(share: number, count: number): number {
  const p = Math.min(1 - 0.5 / count, Math.max(0.5 / count, share));
  return Math.sqrt((p * (1 - p)) / count);
}

const errorOf = (share: number | null, count: number | null): number | null =>
  share === null || count === null ? null : imagesError(share, count);

/** The validation images that the trainings of a run are judged on; null where an evaluator may have others. */
export const validationCountOf = (store: Pick<Store, "get">): number | null => store.get("validationCount");

export const trialRow = (store: Pick<Store, "get">, trial: Trial): TrialRow => ({
  number: trial.number,
  state: trial.state,
  notation: trial.notation,
  accuracy: trial.accuracy,
  accuracyError: errorOf(trial.accuracy, validationCountOf(store)),
  latencyMs: trial.latency?.medianMs ?? null,
  isUnstable: isUnstable(trial.latency),
  reward: trial.reward,
  params: trial.params,
  madds: trial.madds,
  reason: trial.reason,
  rungs: trial.rungs,
  source: trial.source,
});
