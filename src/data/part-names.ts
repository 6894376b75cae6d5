import type { PartName } from "./images.ts";

/** Words by which people call the parts of a data set. */
const words: Readonly<Record<string, PartName | "evaluation">> = {
  train: "train",
  training: "train",
  val: "validation",
  valid: "validation",
  validation: "validation",
  validate: "validation",
  dev: "validation",
  test: "test",
  testing: "test",
  tests: "test",
  eval: "evaluation",
  evaluation: "evaluation",
};

/** The part that a name such as `TRAIN`, `seg_test`, `trainLabels` or `valset` speaks of; null for none or several. */
function wordOf(name: string): PartName | "evaluation" | null {
  const parted = name.replace(/(\p{Ll})(\p{Lu})/gu, "$1 $2").toLowerCase();
  const found = (parted.match(/[a-z]+/g) ?? []).flatMap(
    (word) => words[word] ?? words[word.replace(/(set|data|images?|imgs?|labels?|split|part)$/, "")] ?? [],
  );
  return new Set(found).size === 1 ? found[0]! : null;
}

/**
 * The part of each name, among names that lie side by side; null for one that speaks of none. `eval` is the test part,
 * or the validation part where there is a test part too.
 */
export function partsOf(names: readonly string[]): readonly (PartName | null)[] {
  const found = names.map(wordOf);
  const evaluation = found.includes("test") ? "validation" : "test";
  return found.map((part) => (part === "evaluation" ? evaluation : part));
}
