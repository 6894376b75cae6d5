import { MnasError } from "../errors.ts";
import type { Store } from "../store/store.ts";

const names = { search: "trainings", final: "long trainings" } as const;

/**
 * Checks that something came of the trainings of a search, and of those of its finals.
 *
 * @throws MnasError `TRAINING_FAILED` with the most frequent reason when all of them failed.
 */
export function checkTrained(store: Pick<Store, "trials">): void {
  for (const phase of ["search", "final"] as const) {
    // Baselines are there to be compared with.
    const trials = store.trials(phase).filter(({ reference }) => reference === null);
    const failed = trials.filter(({ state, latency }) => state === "failed" && latency !== null);
    if (failed.length === 0 || trials.some(({ state }) => state === "complete" || state === "stopped")) continue;
    const counts = new Map<string, number>();
    for (const { reason } of failed) counts.set(reason ?? "unknown", (counts.get(reason ?? "unknown") ?? 0) + 1);
    const [[reason, count] = ["unknown", 0]] = [...counts].toSorted(([, a], [, b]) => b - a);
    throw new MnasError(
      "TRAINING_FAILED",
      `Cannot deliver a network: all ${failed.length} ${names[phase]} failed, ${count} of them because of this: ${reason}`,
      { hint: "Mend that and start a new run; `mnas trials` lists them." },
    );
  }
}
