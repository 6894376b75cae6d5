import { existsSync } from "node:fs";
import { networkOf } from "../arch/network.ts";
import { parseArch } from "../space/notation.ts";
import type { MirrorFinding } from "../store/facts.ts";
import { loadCheckpoint } from "../train/checkpoint.ts";
import { isFlipped, planFor, type Recipe } from "../train/recipe.ts";
import { weightsFile } from "../worker/work.ts";
import type { FinalRow, TrialRow } from "./events.ts";
import { bestTraining } from "./final-row.ts";
import { changedClasses, judgeMirrored } from "./mirror.ts";
import type { Study } from "./study.ts";

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

const mostNames = 6;

/** A sentence on a finding; null where a mirror changes nothing. `flip` is the setting of the long trainings. */
export function mirrorText({ trial, accuracy, mirrored, classes }: MirrorFinding, flip: Recipe["flip"]): string | null {
  if (classes.length === 0) return null;
  const names = `${classes.slice(0, mostNames).join(", ")}${classes.length > mostNames ? ", …" : ""}`;
  const consequence =
    flip === true
      ? "long trainings mirror images all the same, since flip is true"
      : "long trainings mirror no images; --flip would";
  return (
    `mirroring seems to change labels (${names}): trial ${trial} classifies ${percent(accuracy)} of the validation images ` +
    `right and ${percent(mirrored)} of their mirror images; ${consequence}`
  );
}

/**
 * Looks, before the first long training that would mirror images, whether the best network of the search, which saw no
 * mirrored images, knows these; keeps the finding for the workers and tells it.
 */
export async function checkMirror({ store, run, config, dataset, signal, emit }: Study): Promise<void> {
  const mirrors = (recipe: Recipe): boolean => isFlipped(planFor(recipe, dataset), dataset);
  if (!mirrors(config.final) || mirrors(config.proxy)) return;
  const isBegun = store.trials("final").some(({ state }) => state === "complete");
  if (store.get("mirror") === null && !isBegun) {
    const kept = store.trials("search").filter((trial) => existsSync(weightsFile(run.dir, trial)));
    const best = bestTraining(kept);
    if (best === null) return;
    const { notation, weights } = loadCheckpoint(weightsFile(run.dir, best));
    const counts = await judgeMirrored(networkOf(parseArch(notation)).graph, weights, dataset, signal);
    const share = (of: "right" | "mirrored"): number =>
      counts.reduce((sum, count) => sum + count[of], 0) / counts.reduce((sum, { images }) => sum + images, 0);
    store.set("mirror", {
      trial: best.number,
      accuracy: share("right"),
      mirrored: share("mirrored"),
      classes: changedClasses(counts).map((k) => dataset.classes[k]!),
    });
  }
  const finding = store.get("mirror");
  const message = finding === null ? null : mirrorText(finding, config.final.flip);
  if (message !== null) emit({ event: "warning", message });
}

/** Sentences on finalists that end below their trials by more than two standard errors of the difference. */
export function fallenTexts(trials: readonly TrialRow[], finals: readonly FinalRow[]): string[] {
  return finals.flatMap(({ name, isReference, source, accuracy, accuracyError }) => {
    const trial = isReference ? undefined : trials.find(({ number }) => number === source);
    if (accuracy === null || trial === undefined || trial.accuracy === null) return [];
    const error = Math.hypot(accuracyError ?? 0, trial.accuracyError ?? 0);
    if (accuracyError === null || trial.accuracy - accuracy <= 2 * error) return [];
    return [
      `${name} is less accurate after its long training (${percent(accuracy)} of the validation images) than after its ` +
        `short one (${percent(trial.accuracy)}): the recipe \`final\` may not suit these data; see its augment and flip`,
    ];
  });
}
