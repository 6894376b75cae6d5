/* Trainings of a search's trials, each once: how accurate they were on the way. Kept in a file for the next run. */
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { buildGraph } from "../../src/arch/build.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { parseArch } from "../../src/space/notation.ts";
import { recipes } from "../../src/train/presets.ts";
import { train } from "../../src/train/trainer.ts";

/** Where every training is judged on the way, so that one record serves all rules. */
export const recorded = [1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2] as const;

export interface Curve {
  readonly seed: number;
  readonly notation: string;
  readonly again: number;
  /** At each of `recorded`. */
  readonly rungs: readonly number[];
  /** At the end. */
  readonly accuracy: number;
  /** On the test part, of trainings that are done again. */
  readonly testAccuracy: number | null;
  readonly steps: number;
  readonly seconds: number;
}

/**
 * Gives the training of a network in the search of a seed, from `file` or else by doing it; `again` is another training of
 * it, with other initial weights and another order of the images.
 */
export function openCurves(
  file: string,
): (seed: number, notation: string, dataset: Dataset, again?: number) => Promise<Curve> {
  const lines = existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n").filter(Boolean) : [];
  const keyOf = ({ seed, notation, again }: Pick<Curve, "seed" | "notation" | "again">): string =>
    `${seed} ${again} ${notation}`;
  const curves = new Map(lines.map((line) => JSON.parse(line) as Curve).map((curve) => [keyOf(curve), curve]));
  return async (seed, notation, dataset, again = 0) => {
    const known = curves.get(keyOf({ seed, notation, again }));
    if (known !== undefined) return known;
    const graph = buildGraph(parseArch(notation));
    const training = train({
      graph,
      dataset,
      recipe: recipes.proxy,
      seed: again === 0 ? `${seed}/search/${notation}` : `${seed}/again/${again}/${notation}`,
      rungs: recorded,
      withTest: again > 0,
    });
    const rungs: number[] = [];
    let steps = 0;
    for (;;) {
      const { done, value } = await training.next();
      if (done === true) {
        const { accuracy, testAccuracy, seconds } = value;
        const curve: Curve = { seed, notation, again, rungs, accuracy, testAccuracy, steps, seconds };
        appendFileSync(file, `${JSON.stringify(curve)}\n`);
        curves.set(keyOf(curve), curve);
        return curve;
      }
      steps = value.steps;
      if (value.accuracy !== null) rungs.push(value.accuracy);
    }
  };
}
