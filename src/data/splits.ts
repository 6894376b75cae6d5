import type { Rng } from "../util/rng.ts";
import { invalid, partNames, type PartName } from "./images.ts";

/** The class of every image of each part; null for a part that is still to be cut. */
export type PartLabels = Readonly<Record<PartName, ArrayLike<number> | null>>;

const countClasses = (labels: ArrayLike<number>, classes: number): number[] => {
  const counts = Array<number>(classes).fill(0);
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]! += 1;
  return counts;
};

/**
 * Checks that there are classes to tell apart and that every part has, or can get, images of each.
 *
 * @throws MnasError `DATA_INVALID` naming the class.
 */
export function checkClasses(source: string, classes: readonly string[], parts: PartLabels): void {
  if (classes.length < 2) {
    throw invalid(
      `Cannot use data "${source}": it has one class only, "${classes[0]}"`,
      "Give each of two or more classes its images.",
    );
  }
  // Cutting a part off must leave images to train on.
  const need = 1 + partNames.filter((part) => parts[part] === null).length;
  for (const part of partNames) {
    const labels = parts[part];
    if (labels === null) continue;
    countClasses(labels, classes.length).forEach((count, k) => {
      if (count === 0) {
        throw invalid(
          `Cannot use data "${source}": class "${classes[k]}" has no image in the ${part} part`,
          "Add images or remove the class.",
        );
      }
      if (part === "train" && count < need) {
        throw invalid(
          `Cannot use data "${source}": class "${classes[k]}" has ${count} images, must be at least ${need}`,
          "Add images: each class needs some to train on, to validate with and to test with.",
        );
      }
    });
  }
}

/**
 * Cuts a share off, of every class alike; both sides keep the order they had.
 *
 * Every class gives at least one image and keeps at least one; it needs two.
 */
export function cutStratified(
  labels: Int32Array,
  classes: number,
  share: number,
  rng: Rng,
): { readonly kept: Uint32Array; readonly cut: Uint32Array } {
  const members = Array.from({ length: classes }, (): number[] => []);
  labels.forEach((label, i) => members[label]!.push(i));
  const isCut = new Uint8Array(labels.length);
  members.forEach((indices, k) => {
    const count = Math.min(indices.length - 1, Math.max(1, Math.round(indices.length * share)));
    for (const i of rng.fork(k).shuffle(indices).slice(0, count)) isCut[i] = 1;
  });
  const all = [...labels.keys()];
  return {
    kept: Uint32Array.from(all.filter((i) => isCut[i] === 0)),
    cut: Uint32Array.from(all.filter((i) => isCut[i] === 1)),
  };
}
