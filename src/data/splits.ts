import type { Rng } from "../util/rng.ts";
import { invalid, partNames, type PartName } from "./images.ts";

/** The class of every image of each part; null for a part that is still to be cut. */
export type PartLabels = Readonly<Record<PartName, ArrayLike<number> | null>>;

const countClasses = (labels: ArrayLike<number>, classes: number): number[] => {
  const counts = Array<number>(classes).fill(0);
  for (let i = 0; i < labels.length; i++) counts[labels[i]!]! += 1;
  return counts;
};

const list = (names: readonly string[]): string =>
  [...names.slice(0, 5).map((name) => `"${name}"`), ...(names.length > 5 ? [`${names.length - 5} more`] : [])].join(
    ", ",
  );

const classesCalled = (names: readonly string[]): string =>
  `${names.length === 1 ? "class" : "classes"} ${list(names)}`;

/** The classes that can be learnt. */
export interface Settled {
  readonly classes: readonly string[];
  /** Index among `classes` of each class that there was; -1 for one that cannot be learnt. */
  readonly places: readonly number[];
  /** Sentences on classes that are not in every part, and what that means. */
  readonly warnings: readonly string[];
}

/**
 * Finds the classes that have images to train on. Others are left out, and those that a part lacks are told.
 *
 * @throws MnasError `DATA_INVALID` when there are not two of them, or a part would be empty.
 */
export function settleClasses(source: string, all: readonly string[], parts: PartLabels): Settled {
  const refuse = (why: string, hint: string): never => {
    throw invalid(`Cannot use data "${source}": ${why}`, hint);
  };
  const counts = partNames.map((part) => (parts[part] === null ? null : countClasses(parts[part], all.length)));
  const trained = counts[0]!;
  const isLearnt = (k: number): boolean => trained[k]! > 0;
  const named = (holds: (k: number) => boolean): string[] => all.filter((_, k) => holds(k));
  const classes = named(isLearnt);
  if (classes.length === 0) refuse("no class has an image", "Give each of two or more classes its images.");
  if (classes.length === 1)
    refuse(`it has one class only, "${classes[0]}"`, "Give each of two or more classes its images.");
  // Cutting a part off must leave images to train on.
  const missing = partNames.filter((_, p) => counts[p] === null);
  const need = 1 + missing.length;
  if (trained.every((count) => count < need))
    refuse(
      `no class has ${need} images, so that none are left to ${missing.length > 1 ? "validate and test with" : "judge networks by"}`,
      `Give each class ${need} images or more.`,
    );

  const warnings: string[] = [];
  const warn = (names: readonly string[], sentence: (called: string, isOne: boolean) => string): void => {
    if (names.length > 0) warnings.push(sentence(classesCalled(names), names.length === 1));
  };
  const isElsewhere = (k: number): boolean => counts.some((some) => (some?.[k] ?? 0) > 0);
  warn(
    named((k) => !isElsewhere(k)),
    (called, isOne) => `${called} ${isOne ? "has no image and is" : "have no images and are"} left out`,
  );
  partNames.forEach((part, p) => {
    const some = counts[p];
    if (p === 0 || some === null || some === undefined) return;
    warn(
      named((k) => !isLearnt(k) && some[k]! > 0),
      (called) =>
        `images of ${called} in the ${part} part are left out: the train part has none, so they cannot be learnt`,
    );
    if (!some.some((count, k) => count > 0 && isLearnt(k)))
      refuse(
        `the ${part} part has no image of a class of the train part`,
        "Give the classes the same names in each part.",
      );
    warn(
      named((k) => isLearnt(k) && some[k] === 0),
      (called) => `the ${part} part has no image of ${called}: its accuracy says nothing of them`,
    );
  });
  warn(
    named((k) => isLearnt(k) && trained[k]! < need),
    (called, isOne) =>
      `${called} ${isOne ? "has" : "have"} fewer than ${need} images, too few for each part: accuracy says little or nothing of ${isOne ? "it" : "them"}`,
  );
  let next = 0;
  return { classes, places: all.map((_, k) => (isLearnt(k) ? next++ : -1)), warnings };
}

/**
 * Cuts a share off, of every class alike; both sides keep the order they had.
 *
 * Every class of two or more images gives at least one and keeps at least one; the image of a class of one is kept.
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
