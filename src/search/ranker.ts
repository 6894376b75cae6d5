import type { Metrics } from "../reward/reward.ts";
import { sample, type Genotype, type SearchSpace } from "../space/space.ts";
import { exp, log } from "../util/math.ts";
import type { Rng } from "../util/rng.ts";
import { acquisitionOf } from "./acquisition.ts";
import { describer } from "./describer.ts";
import { chooseFast } from "./fast.ts";
import { accuracyNoises, createModel, latencyNoises } from "./model.ts";
import type { Objective, Observation, SearcherOptions } from "./searcher.ts";

/** A trial of which both are known. */
export type Tried = Observation & Metrics;

/** Candidates for which the deviation is found out, which is what takes time: the best by their means, and a few more. */
const shortlist = { best: 48, others: 16 } as const;

/** How many deviations above what is expected a network is taken to be. */
const optimism = 0.5;

/** Trials before predictions are worth anything. */
export const leastTrials = 16;

/** Latencies before predictions of them are: they have less noise than accuracies. */
const leastLatencies = 8;

/** Knows what was tried, and chooses of many candidates those that are worth trying. */
export interface Ranker {
  readonly tried: readonly Tried[];
  /** Enough was tried to predict others. */
  readonly isReady: boolean;
  /** Hardly any network was fast enough to be trained, so latency alone is known, and candidates are ranked by it. */
  readonly isBlind: boolean;
  /** No network that was measured is within the target. */
  readonly isLate: boolean;
  /** The fastest of all that were measured, fastest first. */
  fastest(most: number): Genotype[];
  learn(observation: Observation): void;
  /** The first `most` candidates that were not tried, each once. */
  fresh(candidates: Iterable<Genotype>, most?: number): Genotype[];
  /** At most `count` of the candidates. */
  choose(candidates: readonly Genotype[], count: number, rng: Rng): Genotype[];
  /** Random networks that were not tried, nor are among `chosen`, as far as the space has any. */
  random(count: number, rng: Rng, chosen?: readonly Genotype[]): Genotype[];
}

/**
 * Ranks candidates by Gaussian processes of accuracy and of latency, told by all trials so far. They are chosen one after
 * the other, each as if those before it had turned out as expected (GP-UCB, https://arxiv.org/abs/0912.3995, with the
 * batches of GP-BUCB, https://arxiv.org/abs/1206.6402).
 */
export function createRanker(space: SearchSpace, options: SearcherOptions, rng: Rng): Ranker {
  // A reward alone is taken as the accuracy of networks that are all as fast.
  const objective: Objective = options.objective ?? { kind: "reward", rewardOf: (_, { accuracy }) => accuracy };
  const metricsOf = ({ reward, accuracy = null, latencyMs = null }: Observation) =>
    options.objective === undefined ? { accuracy: reward, latencyMs: 1 } : { accuracy, latencyMs };
  const { targetMs } = options;
  const { pointOf, keyOf } = describer(space, options.describe, rng);
  const accuracy = createModel(accuracyNoises);
  const latency = createModel(latencyNoises);
  const seen = new Set<string>();
  const tried: Tried[] = [];
  const timed: { readonly genotype: Genotype; readonly latencyMs: number }[] = [];
  const isBlind = (): boolean => targetMs !== undefined && accuracy.count < 2 && latency.count >= leastLatencies;

  return {
    tried,
    get isReady() {
      // Networks over the gate have no accuracy, but their latencies tell where not to look.
      return isBlind() || (seen.size >= leastTrials && accuracy.count >= 2);
    },
    get isBlind() {
      return isBlind();
    },
    get isLate() {
      return targetMs !== undefined && timed.length > 0 && timed.every(({ latencyMs }) => latencyMs > targetMs);
    },
    fastest: (most) =>
      timed
        .toSorted((a, b) => a.latencyMs - b.latencyMs)
        .slice(0, most)
        .map(({ genotype }) => genotype),
    learn(observation) {
      const key = keyOf(observation.genotype);
      if (seen.has(key)) return;
      seen.add(key);
      const point = pointOf(observation.genotype);
      const metrics = metricsOf(observation);
      if (metrics.accuracy !== null) accuracy.add(point, metrics.accuracy);
      if (metrics.latencyMs !== null) {
        latency.add(point, log(metrics.latencyMs));
        timed.push({ genotype: observation.genotype, latencyMs: metrics.latencyMs });
      }
      if (metrics.accuracy !== null && metrics.latencyMs !== null)
        tried.push({ ...observation, accuracy: metrics.accuracy, latencyMs: metrics.latencyMs });
    },
    fresh(candidates, most = Infinity) {
      const found = new Map<string, Genotype>();
      for (const genotype of candidates) {
        const key = keyOf(genotype);
        if (!seen.has(key) && !found.has(key)) found.set(key, genotype);
        if (found.size >= most) break;
      }
      return [...found.values()];
    },
    choose(candidates, count, stream) {
      if (isBlind()) {
        const chosen = chooseFast(latency.predict(candidates.map(pointOf)), log(targetMs!), count);
        return chosen.map((i) => candidates[i]!);
      }
      const acquisition = acquisitionOf(objective, tried);
      const points = candidates.map(pointOf);
      const means = accuracy.means(points);
      const times = latency.means(points);
      const metrics = candidates.map((_, i): Metrics => ({ accuracy: means[i]!, latencyMs: exp(times[i]!) }));
      const byMean = candidates
        .map((genotype, i) => ({ i, score: acquisition.score(genotype, metrics[i]!) }))
        .sort((a, b) => b.score - a.score || a.i - b.i)
        .map(({ i }) => i);
      const others = stream.shuffle(byMean.slice(shortlist.best)).slice(0, shortlist.others);
      const short = [...byMean.slice(0, shortlist.best), ...others];
      const { variances, assume } = accuracy.predict(short.map((i) => points[i]!));
      const left = new Set(short.keys());
      const chosen: Genotype[] = [];
      while (chosen.length < count && left.size > 0) {
        let best = { at: -1, score: -Infinity };
        for (const at of left) {
          const i = short[at]!;
          const hoped = means[i]! + optimism * Math.sqrt(variances[at]!);
          const score = acquisition.score(candidates[i]!, { ...metrics[i]!, accuracy: hoped });
          if (best.at < 0 || score > best.score) best = { at, score };
        }
        left.delete(best.at);
        assume(best.at);
        acquisition.assume(metrics[short[best.at]!]!);
        chosen.push(candidates[short[best.at]!]!);
      }
      return chosen;
    },
    random(count, stream, chosen = []) {
      const taken = new Set([...seen, ...chosen.map(keyOf)]);
      return Array.from({ length: count }, () => {
        let genotype = sample(space, stream);
        // A small space may hold nothing else.
        for (let i = 0; i < 100 && taken.has(keyOf(genotype)); i++) genotype = sample(space, stream);
        taken.add(keyOf(genotype));
        return genotype;
      });
    },
  };
}
