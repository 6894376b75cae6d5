import type { Origin } from "../device/device.ts";
import type { LatencyRecord, Phase, Trial } from "../store/store.ts";

/** What a search tells while it runs; the command line draws it, `--json` prints it. */
export type SearchEvent =
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
      readonly done: number;
    }
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
  | { readonly event: "warning"; readonly message: string }
  | { readonly event: "front"; readonly trials: readonly TrialRow[] }
  /** A long training ended. Its model is exported when all have, and named by `done`. */
  | { readonly event: "final"; readonly trial: FinalRow }
  | {
      readonly event: "done";
      readonly dir: string;
      readonly targetMs: number;
      readonly front: readonly TrialRow[];
      readonly finals: readonly FinalRow[];
      readonly report: string;
    };

/** A trial as commands print it. */
export interface TrialRow {
  readonly number: number;
  readonly state: Trial["state"];
  readonly notation: string;
  readonly accuracy: number | null;
  readonly latencyMs: number | null;
  /** Whether the device was not stable whenever the latency was measured, so that it may be too high. */
  readonly isUnstable: boolean;
  readonly reward: number | null;
  readonly params: number;
  readonly madds: number;
  readonly reason: string | null;
  /** The trial whose result this one reuses. */
  readonly source: number | null;
}

/** A finalist or the reference network it is compared with. */
export interface FinalRow extends TrialRow {
  /** `RUN#N` trial, or the reference network's name. */
  readonly name: string;
  readonly isReference: boolean;
  /** What was predicted of it before it was measured; null when nothing was. */
  readonly predictedMs: number | null;
  readonly testAccuracy: number | null;
  /** One standard error of the test accuracy, from the number of test images. */
  readonly testError: number | null;
  /** The exported model, relative to the run folder; null when training failed. */
  readonly model: string | null;
}

export const isUnstable = (latency: LatencyRecord | null): boolean => latency?.["isUnstable"] === true;

export const trialRow = (trial: Trial): TrialRow => ({
  number: trial.number,
  state: trial.state,
  notation: trial.notation,
  accuracy: trial.accuracy,
  latencyMs: trial.latency?.medianMs ?? null,
  isUnstable: isUnstable(trial.latency),
  reward: trial.reward,
  params: trial.params,
  madds: trial.madds,
  reason: trial.reason,
  source: trial.source,
});
