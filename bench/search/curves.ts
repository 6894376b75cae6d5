/* Trainings of a search's trials, each once: how accurate the network was on the way. Kept in a file for the next run. */
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
  /** At each of `recorded`. */
  readonly rungs: readonly number[];
  /** At the end. */
  readonly accuracy: number;
  readonly steps: number;
  readonly seconds: number;
}

/** Gives the training of a network in the search of a seed, from `file` or else by doing it. */
export function openCurves(file: string): (seed: number, notation: string, dataset: Dataset) => Promise<Curve> {
  const lines = existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n").filter(Boolean) : [];
  const curves = new Map(
    lines.map((line) => JSON.parse(line) as Curve).map((curve) => [`${curve.seed} ${curve.notation}`, curve]),
  );
  return async (seed, notation, dataset) => {
    const known = curves.get(`${seed} ${notation}`);
    if (known !== undefined) return known;
    const graph = buildGraph(parseArch(notation));
    const training = train({
      graph,
      dataset,
      recipe: recipes.proxy,
      seed: `${seed}/search/${notation}`,
      rungs: recorded,
    });
    const rungs: number[] = [];
    let steps = 0;
    for (;;) {
      const { done, value } = await training.next();
      if (done === true) {
        const { accuracy, seconds } = value;
        const curve: Curve = { seed, notation, rungs, accuracy, steps, seconds };
        appendFileSync(file, `${JSON.stringify(curve)}\n`);
        curves.set(`${seed} ${notation}`, curve);
        return curve;
      }
      steps = value.steps;
      if (value.accuracy !== null) rungs.push(value.accuracy);
    }
  };
}
