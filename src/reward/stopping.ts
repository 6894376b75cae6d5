import type { Metrics } from "./reward.ts";

/** What is sought: the one network of the highest reward, or all that no other beats on accuracy and latency. */
export type ObjectiveKind = "reward" | "front";

/** A network at a rung: accuracy and reward are those of its training so far, latency is that of the network. */
export interface Standing extends Metrics {
  readonly reward: number;
}

interface Contest {
  /** Whether one has to measure up to another at all. */
  readonly isRival: (other: Standing, one: Standing) => boolean;
  readonly isBetter: (other: Standing, one: Standing) => boolean;
}

const contests: { readonly [K in ObjectiveKind]: Contest } = {
  reward: { isRival: () => true, isBetter: (other, one) => other.reward > one.reward },
  // Of those that are slower, none can keep it from the front.
  front: {
    isRival: (other, one) => other.latencyMs <= one.latencyMs,
    isBetter: (other, one) => other.accuracy > one.accuracy,
  },
};

/**
 * Whether a network goes on from a rung that `earlier` ones have reached: when it is among the best `keep` of its rivals
 * and itself. Their order does not count. The best of all so far always goes on; with the objective `front`, so does every
 * network that no earlier one beats.
 *
 * @param keep above 0 and below 1: 1/η of https://arxiv.org/abs/1810.05934.
 */
export function goesOn(one: Standing, earlier: readonly Standing[], objective: ObjectiveKind, keep: number): boolean {
  const { isRival, isBetter } = contests[objective];
  const rivals = earlier.filter((other) => isRival(other, one));
  const better = rivals.filter((other) => isBetter(other, one)).length;
  return better < Math.max(1, keep * (rivals.length + 1));
}

/** Halvings after which neighbouring numbers of 64 bits are reached from any accuracy that occurs. */
const halvings = 64;

/**
 * The least accuracy from 0 to 1 that passes; `Infinity` when 1 does not. More accuracy must not make worse.
 *
 * @param passes whether an accuracy does.
 */
export function leastAccuracy(passes: (accuracy: number) => boolean): number {
  if (passes(0)) return 0;
  if (!passes(1)) return Infinity;
  let [fails, least] = [0, 1];
  for (let i = 0; i < halvings; i++) {
    const middle = (fails + least) / 2;
    if (passes(middle)) least = middle;
    else fails = middle;
  }
  return least;
}
