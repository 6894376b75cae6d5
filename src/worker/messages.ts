import type { Damage } from "../data/damage.ts";
import type { Phase } from "../store/store.ts";

/** What the main process says to a worker. */
export type ToWorker =
  /** Take trials until none waits, then say `idle`. */
  | { readonly kind: "work" }
  /** Give the trial in hand back and exit. */
  | { readonly kind: "stop" };

/** What a worker says to the main process. */
export type FromWorker =
  | { readonly kind: "ready" }
  | { readonly kind: "idle" }
  | {
      readonly kind: "progress";
      readonly phase: Phase;
      readonly number: number;
      readonly step: number;
      readonly steps: number;
    }
  /** A training waits at a rung for what it must have reached there. */
  | { readonly kind: "rung"; readonly phase: Phase; readonly number: number }
  | { readonly kind: "ended"; readonly phase: Phase; readonly number: number }
  | { readonly kind: "warning"; readonly message: string }
  /** Another program holds the study. */
  | { readonly kind: "held"; readonly message: string }
  | { readonly kind: "damage"; readonly damage: Damage }
  /** A program that works for the worker and must not outlive it; null when there is none any more. */
  | { readonly kind: "program"; readonly pid: number | null }
  /** The worker cannot work at all, for example because the data are gone. */
  | { readonly kind: "unable"; readonly code: string | null; readonly message: string; readonly hint: string | null };
