import { paretoFront } from "../reward/pareto.ts";
import { sample, type Genotype, type SearchSpace } from "../space/space.ts";
import { exp, log } from "../util/math.ts";
import { createRng, type Rng } from "../util/rng.ts";
import { acquisitionOf } from "./acquisition.ts";
import { propose } from "./candidates.ts";
import { describer } from "./describer.ts";
import type { Point } from "./gaussian-process.ts";
import { accuracyNoises, createModel, latencyNoises } from "./model.ts";
import { batchStart, type Objective, type Observation, type Searcher, type SearcherOptions } from "./searcher.ts";

export interface BayesianOptions extends SearcherOptions {
  /** Random trials before the model is asked. */
  readonly randomTrials?: number;
  /** How many deviations above what is expected a network is taken to be. */
  readonly optimism?: number;
}

/** Candidates for which the deviation is found out, which is what takes time: the best by their means, and a few more. */
const shortlist = { best: 48, others: 16 } as const;

/** Parents of candidates, for one reward. */
const parentCount = 10;

/**
 * Bayesian optimization: Gaussian processes of accuracy and of latency, told by all trials so far, rank candidates before
 * any is trained. A batch is chosen one after the other, each as if those before it had turned out as expected
 * (GP-UCB, https://arxiv.org/abs/0912.3995, with the batches of GP-BUCB, https://arxiv.org/abs/1206.6402).
 */
export function bayesianSearcher(space: SearchSpace, options: BayesianOptions): Searcher {
  const { seed, batch, randomTrials = 16, optimism = 0.5 } = options;
  const objective: Objective = options.objective ?? { kind: "reward", rewardOf: (_, { accuracy }) => accuracy };
  const root = createRng(seed).fork("search");
  const { pointOf, keyOf } = describer(space, options.describe, root.fork("features"));
  const accuracy = createModel(accuracyNoises);
  const latency = createModel(latencyNoises);
  const told: Observation[] = [];
  const seen = new Set<string>();
  let learnt = 0;
  let drawn: { readonly start: number; readonly genotypes: readonly Genotype[] } | null = null;

  const accuracyOf = ({ accuracy: known, reward }: Observation): number | null =>
    options.objective === undefined ? reward : (known ?? null);
  const latencyOf = ({ latencyMs }: Observation): number | null =>
    options.objective === undefined ? 1 : (latencyMs ?? null);

  const learn = (start: number): void => {
    for (; learnt < told.length && told[learnt]!.number < start; learnt++) {
      const observation = told[learnt]!;
      const key = keyOf(observation.genotype);
      if (seen.has(key)) continue;
      seen.add(key);
      const point = pointOf(observation.genotype);
      const [value, ms] = [accuracyOf(observation), latencyOf(observation)];
      if (value !== null) accuracy.add(point, value);
      if (ms !== null) latency.add(point, log(ms));
    }
  };

  const parentsOf = (known: readonly Observation[]): Genotype[] => {
    const trained = known.flatMap((observation) => {
      const [value, ms] = [accuracyOf(observation), latencyOf(observation)];
      return value === null || ms === null ? [] : [{ ...observation, accuracy: value, latencyMs: ms }];
    });
    if (objective.kind === "front") return paretoFront(trained).map(({ genotype }) => genotype);
    const byReward = trained.sort((a, b) => b.reward - a.reward || a.number - b.number);
    return byReward.slice(0, parentCount).map(({ genotype }) => genotype);
  };

  const drawRandom = (rng: Rng, taken: Set<string>): Genotype => {
    let genotype = sample(space, rng);
    // In a small space there may be nothing new.
    for (let i = 0; i < 100 && taken.has(keyOf(genotype)); i++) genotype = sample(space, rng);
    taken.add(keyOf(genotype));
    return genotype;
  };

  const drawBatch = (start: number): Genotype[] => {
    const rng = root.fork(start);
    const taken = new Set(seen);
    const random = (): Genotype => drawRandom(rng, taken);
    if (accuracy.count < Math.min(randomTrials, Math.max(1, start)) || accuracy.count === 0) return Array.from({ length: batch }, random);
    const known = told.slice(0, learnt);
    const candidates = propose(space, parentsOf(known), { rng, keyOf, taken });
    const acquisition = acquisitionOf(
      objective,
      known.flatMap((o) => {
        const [value, ms] = [accuracyOf(o), latencyOf(o)];
        return value === null || ms === null ? [] : [{ accuracy: value, latencyMs: ms }];
      }),
    );
    const points = candidates.map(pointOf);
    const times = latency.count === 0 ? null : latency.means(points);
    const timeOf = (i: number): number => (times === null ? 1 : exp(times[i]!));
    const means = accuracy.means(points);
    const byMean = points
      .map((_, i) => ({ i, score: acquisition.score(candidates[i]!, { accuracy: means[i]!, latencyMs: timeOf(i) }) }))
      .sort((a, b) => b.score - a.score || a.i - b.i)
      .map(({ i }) => i);
    const short = [...byMean.slice(0, shortlist.best), ...rng.shuffle(byMean.slice(shortlist.best)).slice(0, shortlist.others)];
    const { variances, assume } = accuracy.predict(short.map((i): Point => points[i]!));
    const left = new Set(short.keys());
    const chosen: Genotype[] = [];
    while (chosen.length < batch) {
      let best = { at: -1, score: -Infinity };
      for (const at of left) {
        const i = short[at]!;
        const hoped = means[i]! + optimism * Math.sqrt(variances[at]!);
        const score = acquisition.score(candidates[i]!, { accuracy: hoped, latencyMs: timeOf(i) });
        if (score > best.score) best = { at, score };
      }
      if (best.at < 0) {
        chosen.push(random());
        continue;
      }
      left.delete(best.at);
      const i = short[best.at]!;
      assume(best.at);
      acquisition.assume({ accuracy: means[i]!, latencyMs: timeOf(i) });
      taken.add(keyOf(candidates[i]!));
      chosen.push(candidates[i]!);
    }
    return chosen;
  };

  return {
    ask(number) {
      const start = batchStart(number, batch);
      if (drawn?.start !== start) {
        learn(start);
        drawn = { start, genotypes: drawBatch(start) };
      }
      return drawn.genotypes[number - start]!;
    },
    tell(observation) {
      told.push(observation);
    },
  };
}
