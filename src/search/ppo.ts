import type { Genotype, SearchSpace } from "../space/space.ts";
import { exp } from "../util/math.ts";
import { createRng } from "../util/rng.ts";
import { createAdam } from "./adam.ts";
import { createController, type Controller } from "./controller.ts";
import { neighbours, parentCount } from "./candidates.ts";
import { createRanker } from "./ranker.ts";
import { batchStart, type Observation, type Searcher, type SearcherOptions } from "./searcher.ts";

export interface PpoOptions extends SearcherOptions {
  readonly hidden?: number;
  readonly embedding?: number;
  readonly learningRate?: number;
  /** Steps of the optimizer on each batch. */
  readonly epochs?: number;
  /** How far the ratio of new to old probability may move from 1 before a sample stops pulling. */
  readonly clip?: number;
  /** Weight of the entropy of the policy, beside rewards of unit deviation. */
  readonly entropyWeight?: number;
  /** Share of the old value that the running mean of rewards keeps at each trial. */
  readonly baselineDecay?: number;
}

/** Networks that the policy offers for each one that is tried. */
const offers = 3;

/** Networks near those that are ranked at most, for each one that is tried: ranking takes time. */
const neighboursPerTrial = 16;

export interface Surrogate {
  readonly value: number;
  /** By the weights of the controller. */
  readonly gradient: Float64Array;
}

/**
 * The clipped objective of PPO, to be minimised: `-mean(min(ratio × advantage, clip(ratio) × advantage)) - entropyWeight ×
 * mean(entropy)`, where the ratio is between the probabilities of a whole sequence, now and when it was sampled
 * (equation 7 of https://arxiv.org/abs/1707.06347). Without old probabilities, now is when.
 */
export function surrogate(
  controller: Controller,
  sequences: readonly (readonly number[])[],
  advantages: readonly number[],
  { clip, entropyWeight, oldLogProbs }: { clip: number; entropyWeight: number; oldLogProbs: readonly number[] | null },
): Surrogate & { readonly logProbs: readonly number[] } {
  const { logProbs, entropies } = controller.evaluate(sequences);
  const count = sequences.length;
  const steps = logProbs.length / count;
  const joint = sequences.map((_, b) => {
    let sum = 0;
    for (let t = 0; t < steps; t++) sum += logProbs[t * count + b]!;
    return sum;
  });
  const dLogProbs = new Float64Array(steps * count);
  let value = 0;
  for (const entropy of entropies) value -= (entropyWeight * entropy) / count;
  advantages.forEach((advantage, b) => {
    const ratio = exp(joint[b]! - (oldLogProbs?.[b] ?? joint[b]!));
    const free = ratio * advantage;
    const clipped = Math.min(1 + clip, Math.max(1 - clip, ratio)) * advantage;
    value -= Math.min(free, clipped) / count;
    // Where the clipped term is smaller it is constant.
    if (free <= clipped) for (let t = 0; t < steps; t++) dLogProbs[t * count + b] = -free / count;
  });
  return { value, gradient: controller.gradient(dLogProbs, -entropyWeight / count), logProbs: joint };
}

/** How much better than `baseline`, or than their mean where there is none yet, rewards are, in deviations. */
export function advantagesOf(
  rewards: readonly number[],
  baseline: number | null,
): { readonly advantages: readonly number[]; readonly center: number } {
  const center = baseline ?? rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
  const deviation = Math.sqrt(rewards.reduce((sum, reward) => sum + (reward - center) ** 2, 0) / rewards.length);
  // Equal rewards deviate by their rounding, which Adam would follow at full speed.
  const scale = deviation > 1e-12 * Math.abs(center) ? 1 / deviation : 0;
  return { center, advantages: rewards.map((reward) => (scale === 0 ? 0 : scale * (reward - center))) };
}

/**
 * The searcher of the MnasNet paper: an LSTM proposes, proximal policy optimization makes what was rewarded more likely.
 */
export function ppoSearcher(space: SearchSpace, options: PpoOptions): Searcher {
  const { seed, batch, hidden = 100, embedding = 32, learningRate = 0.004, epochs = 3 } = options;
  const { clip = 0.2, entropyWeight = 0.01, baselineDecay = 0.95 } = options;
  const root = createRng(seed).fork("search");
  const ranker = createRanker(space, options, root.fork("features"));
  const open = space.decisions.flatMap(({ choices }, i) => (choices.length > 1 ? [i] : []));
  const choices = open.map((i) => space.decisions[i]!.choices.length);
  const controller = createController(choices, { hidden, embedding }, root.fork("controller"));
  const adam = createAdam(controller.weights.length, learningRate);
  let pending: Observation[] = [];
  let baseline: number | null = null;
  let drawn: { readonly start: number; readonly genotypes: readonly Genotype[] } | null = null;

  /** Learns from the trials told so far, when they belong to batches before that of trial `number`. */
  const catchUp = (number: number): void => {
    if (pending.length === 0 || pending.at(-1)!.number >= batchStart(number, batch)) return;
    const rewards = pending.map(({ reward }) => reward);
    const sequences = pending.map(({ genotype }) => open.map((i) => genotype[i]!));
    for (const observation of pending) ranker.learn(observation);
    pending = [];
    drawn = null;
    const { advantages, center } = advantagesOf(rewards, baseline);
    baseline = rewards.reduce((old, reward) => baselineDecay * old + (1 - baselineDecay) * reward, center);
    let oldLogProbs: readonly number[] | null = null;
    for (let epoch = 0; epoch < epochs; epoch++) {
      const step = surrogate(controller, sequences, advantages, { clip, entropyWeight, oldLogProbs });
      oldLogProbs ??= step.logProbs;
      adam.step(controller.weights, step.gradient);
    }
  };

  /**
   * The policy offers more than is tried, and of what is new the model chooses. A policy that has settled repeats itself:
   * then what is near its networks is offered too.
   */
  const draw = (start: number): Genotype[] => {
    const rng = root.fork(start);
    const sequences = controller.sample(Array.from({ length: offers * batch }, (_, i) => rng.fork(i)));
    const offered = sequences.map((sequence) => space.decisions.map((_, i) => sequence[open.indexOf(i)] ?? 0));
    let fresh = ranker.fresh(offered);
    // Of a policy that knows nothing yet, hardly any offer is within a tight target.
    if (ranker.isLate) fresh = ranker.fresh([...fresh, ...neighbours(space, ranker.fastest(parentCount), rng)]);
    if (fresh.length < 2 * batch) {
      const near = ranker.fresh(neighbours(space, offered, rng), neighboursPerTrial * batch);
      fresh = ranker.fresh([...fresh, ...near]);
    }
    const chosen = ranker.isReady ? ranker.choose(fresh, batch, rng) : fresh.slice(0, batch);
    return [...chosen, ...ranker.random(batch - chosen.length, rng, chosen)];
  };

  return {
    ask(number): Genotype {
      catchUp(number);
      const start = batchStart(number, batch);
      if (drawn?.start !== start) drawn = { start, genotypes: draw(start) };
      return drawn.genotypes[number - start]!;
    },
    tell(observation) {
      catchUp(observation.number);
      pending.push(observation);
    },
  };
}
