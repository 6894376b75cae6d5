/*
 * What early stopping saves, and what it costs: searches of the default space on the embedded data with `--device madds`,
 * with and without it.
 *
 *   node bench/search/stopping.ts curves.jsonl [--seeds 0,1,2,3,4] [--trials 64] [--searcher bayesian]
 *                                 [--rules "full;0.125,0.25:0.3333:expected"] [--objective reward] [--again 5]
 *
 * A rule is its rungs, what it keeps, and what the searcher is told of a network that was stopped: `expected`, the reward
 * at the accuracy it would have ended with at a guess; `rung`, that at the accuracy it had; `chance`, that of guessing.
 *
 * The searches are those of `mnas search --finalists 0`, trial for trial; but each network of a seed is trained once, to
 * its end, and kept in the file, so that a rule can be tried without training and is charged for what it would have cost:
 * multiply-adds of its steps, three times those of an inference for each image, and of judging at the end, one for each
 * image.
 *
 * The best reward is of the network that was luckiest: the more networks are trained, the higher it is, whatever they are
 * worth. So the network that a search would hand back, its finalist, is trained `--again` times with other seeds, and its
 * *worth* is the reward of the mean of those accuracies on the test part, which no search sees.
 */
import { parseArgs } from "node:util";
import { mean } from "../../src/util/welch.ts";
import { resolveConfig } from "../../src/config/config.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { median } from "../../src/device/statistics.ts";
import { rewardOf } from "../../src/reward/reward.ts";
import { goesOn, type ObjectiveKind, type Standing } from "../../src/reward/stopping.ts";
import { expectedAccuracies } from "../../src/search/expectation.ts";
import { createSearcher, type SearcherName } from "../../src/search/searchers.ts";
import { archOf } from "../../src/space/arch.ts";
import { sample, type Genotype } from "../../src/space/space.ts";
import { buildNetwork } from "../../src/arch/network.ts";
import { taskOf } from "../../src/data/task.ts";
import { searcherOptions } from "../../src/study/objective.ts";
import { loadStudyData } from "../../src/study/run-data.ts";
import { expectedAccuracy } from "../../src/study/guess.ts";
import { rankFor } from "../../src/study/pick.ts";
import { planFor } from "../../src/train/recipe.ts";
import { rungStep } from "../../src/train/trainer.ts";
import { createRng } from "../../src/util/rng.ts";
import { openCurves, recorded, type Curve } from "./curves.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "0,1,2,3,4" },
    trials: { type: "string", default: "64" },
    searcher: { type: "string", default: "bayesian" },
    objective: { type: "string", default: "reward" },
    again: { type: "string", default: "5" },
    rules: { type: "string", default: "full;0.125,0.25:0.3333:expected" },
  },
});
const [file] = positionals;
if (file === undefined) throw new Error("Cannot compare: name a file for the trainings");
const curveOf = openCurves(file);
const objective = values.objective as ObjectiveKind;
const batch = 8;

interface Rule {
  readonly name: string;
  readonly rungs: readonly number[];
  readonly keep: number;
  readonly told: string;
}

const parseRule = (name: string): Rule => {
  if (name === "full") return { name, rungs: [], keep: 1, told: "expected" };
  const [rungs = "", keep = "", told = ""] = name.split(":");
  return { name, rungs: rungs.split(",").map(Number), keep: Number(keep), told };
};

interface Outcome {
  readonly best: number;
  /** Reward of the finalist by its mean accuracy in other trainings, on the images of the test part. */
  readonly worth: number;
  readonly steps: number;
  readonly madds: number;
  readonly trained: number;
  readonly stopped: number;
  /** The best that was stopped, had it been trained to its end. */
  readonly missed: number;
}

/** What one network of a search came to. */
interface Result {
  readonly notation: string;
  /** To the searcher: the reward, and the accuracy that it is of; null of a network over the gate. */
  readonly told: () => { readonly reward: number; readonly accuracy: number | null };
  readonly latencyMs: number;
  /** At each rung of the rule that it reached. */
  readonly standings: readonly Standing[];
  /** Null when it was not trained to its end. */
  readonly accuracy: number | null;
  readonly wouldBe: number;
  readonly number: number;
}

interface Trained {
  readonly number: number;
  readonly notation: string;
  readonly genotype: Genotype;
  readonly latencyMs: number;
  readonly accuracy: number;
  readonly valueOf: (accuracy: number) => number;
}

async function search(seed: number, { rungs, keep, told: telling }: Rule, dataset: Dataset): Promise<Outcome> {
  const config = resolveConfig({ seed, searcher: values.searcher as SearcherName }, "the options");
  const { space, reward, proxy } = config;
  const { steps, batch: images } = planFor(proxy, dataset);
  const chance = 1 / dataset.classes.length;
  const rng = createRng(seed).fork("target");
  const draw = (i: number) => buildNetwork(archOf(space, sample(space, rng.fork(i)), taskOf(dataset)));
  const targetMs = median(Array.from({ length: 9 }, (_, i) => draw(i).costs.madds / 4e6)) / 2;
  const options = searcherOptions(config, taskOf(dataset), targetMs);
  const searcher = createSearcher(config.searcher, space, { ...options, batch });
  const results: Result[] = [];
  const spent = { steps: 0, madds: 0, trained: 0, stopped: 0 };
  const trained: Trained[] = [];
  let [best, missed] = [-Infinity, -Infinity];

  for (let from = 0; from < Number(values.trials); from += batch) {
    const genotypes = Array.from({ length: batch }, (_, i) => searcher.ask(from + i));
    for (const [i, genotype] of genotypes.entries()) {
      const number = from + i;
      const { notation, costs } = buildNetwork(archOf(space, genotype, taskOf(dataset)));
      const twin = results.find((result) => result.notation === notation);
      const latencyMs = costs.madds / 4e6;
      const valueOf = (accuracy: number): number =>
        rewardOf({ accuracy, latencyMs, params: costs.params, madds: costs.madds }, reward, targetMs);
      const evaluate = async (): Promise<Result> => {
        const none = { notation, latencyMs, standings: [], accuracy: null, wouldBe: 0, number };
        if (latencyMs > config.gate * targetMs)
          return { ...none, told: () => ({ reward: valueOf(chance), accuracy: null }) };
        const curve: Curve = await curveOf(seed, notation, dataset);
        spent.trained += 1;
        const standings: Standing[] = [];
        const charge = (until: number): void => {
          spent.steps += until;
          spent.madds += costs.madds * (3 * images * until + (until === steps ? dataset.validation.count : 0));
        };
        for (const [k, rung] of rungs.entries()) {
          const accuracy = curve.rungs[recorded.findIndex((each) => each === rung)]!;
          const standing = { accuracy, latencyMs, reward: valueOf(accuracy) };
          standings.push(standing);
          const there = results.flatMap((result) => result.standings[k] ?? []);
          if (goesOn(standing, there, objective, keep)) continue;
          const guess = (): { reward: number; accuracy: number } => {
            const others = results.flatMap((result) =>
              result.accuracy === null || result.standings[k] === undefined
                ? []
                : [{ atRung: result.standings[k].accuracy, accuracy: result.accuracy }],
            );
            const told = { expected: expectedAccuracy(accuracy, others), rung: accuracy, chance }[telling];
            if (told === undefined) throw new Error(`Cannot tell "${telling}": it must be expected, rung or chance`);
            return { reward: valueOf(told), accuracy: told };
          };
          charge(rungStep(rung, steps));
          spent.stopped += 1;
          missed = Math.max(missed, valueOf(curve.accuracy));
          return { ...none, standings, told: guess };
        }
        charge(steps);
        trained.push({ number, notation, genotype, latencyMs, accuracy: curve.accuracy, valueOf });
        best = Math.max(best, valueOf(curve.accuracy));
        const told = { reward: valueOf(curve.accuracy), accuracy: curve.accuracy };
        return { ...none, standings, accuracy: curve.accuracy, told: () => told };
      };
      results.push(twin === undefined ? await evaluate() : { ...twin, standings: [], number });
    }
    for (const [i, genotype] of genotypes.entries()) {
      const { told, latencyMs } = results[from + i]!;
      searcher.tell({ number: from + i, genotype, latencyMs, ...told() });
    }
  }
  const expected = expectedAccuracies(space, options.describe, trained);
  const valued = trained.map((one, i) => ({ ...one, expected: Math.min(1, Math.max(0, expected[i]!)) }));
  const pick = rankFor(targetMs, valued, (one) => one.valueOf(one.expected))[0]!;
  const accuracies: number[] = [];
  for (let again = 1; again <= Number(values.again); again++)
    accuracies.push((await curveOf(seed, pick.notation, dataset, again)).testAccuracy!);
  return { best, worth: accuracies.length === 0 ? NaN : pick.valueOf(mean(accuracies)), missed, ...spent };
}

const outcomes = new Map<string, Outcome[]>();
for (const seed of values.seeds.split(",").map(Number)) {
  const dataset = await loadStudyData({ data: "fashion-mnist", seed, size: null });
  for (const rule of values.rules.split(";").map(parseRule)) {
    const outcome = await search(seed, rule, dataset);
    outcomes.set(rule.name, [...(outcomes.get(rule.name) ?? []), outcome]);
  }
}
const full = outcomes.get("full") ?? [];
const textOf = (differences: readonly number[]): string => {
  const error = Math.sqrt(mean(differences.map((x) => (x - mean(differences)) ** 2)) / (differences.length - 1));
  return `${mean(differences).toFixed(4)} ± ${error.toFixed(4)}`;
};
for (const [name, all] of outcomes) {
  const share = (key: "steps" | "madds"): string =>
    full.length === 0 ? "" : `${(100 * mean(all.map((one, i) => one[key] / full[i]![key]))).toFixed(1)} %`;
  const differences = (key: "best" | "worth"): readonly number[] =>
    full.length === 0 ? [] : all.map((one, i) => one[key] - full[i]![key]);
  console.log(
    [
      name.padEnd(34),
      `best ${mean(all.map((one) => one.best)).toFixed(4)}`,
      `(${all.map((one) => one.best.toFixed(3)).join(" ")})`,
      `diff ${textOf(differences("best"))}`,
      `worth ${mean(all.map((one) => one.worth)).toFixed(4)}`,
      `(${all.map((one) => one.worth.toFixed(3)).join(" ")})`,
      `diff ${textOf(differences("worth"))}`,
      `trained ${mean(all.map((one) => one.trained)).toFixed(1)}`,
      `stopped ${mean(all.map((one) => one.stopped)).toFixed(1)}`,
      `steps ${mean(all.map((one) => one.steps)).toFixed(0)} ${share("steps")}`,
      `compute ${share("madds")}`,
      `lost ${all.filter((one) => one.missed > one.best).length}/${all.length}`,
    ].join("  "),
  );
}
