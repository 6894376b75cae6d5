import { MnasError } from "../../errors.ts";
import { archOf, type NetworkSpace, type Task } from "../../space/arch.ts";
import { sample, type Genotype } from "../../space/space.ts";
import { log } from "../../util/math.ts";
import type { Rng } from "../../util/rng.ts";
import { networkOf, type Network } from "../../arch/network.ts";

/** A network of a space. */
export interface Member extends Network {
  readonly genotype: Genotype;
}

/** How many random networks are chosen from, whatever number is wanted: more networks then hold the fewer. */
const poolSize = 256;

function poolOf(space: NetworkSpace, task: Task, rng: Rng): Member[] {
  const pool = new Map<string, Member>();
  for (let i = 0; i < poolSize; i++) {
    const genotype = sample(space, rng.fork(i));
    try {
      const candidate = networkOf(archOf(space, genotype, task));
      if (!pool.has(candidate.notation)) pool.set(candidate.notation, { ...candidate, genotype });
    } catch (error) {
      if (!(error instanceof MnasError) || error.code !== "ARCH_INVALID") throw error;
    }
  }
  return [...pool.values()];
}

/**
 * Networks that differ in cost and in their decisions: each is the random one that is farthest from all before it, the
 * first the one of median cost. The distance is that of the logarithms of multiply-adds, as a share of their range, and
 * the share of decisions that differ. Fewer than asked for where the space is smaller.
 */
export function diverseNetworks(space: NetworkSpace, task: Task, count: number, rng: Rng): Member[] {
  const byCost = poolOf(space, task, rng).toSorted((a, b) => a.costs.madds - b.costs.madds);
  const first = byCost[byCost.length >> 1];
  if (first === undefined) return [];
  const cost = ({ costs }: Member): number => log(costs.madds);
  const range = cost(byCost.at(-1)!) - cost(byCost[0]!);
  const distance = (a: Member, b: Member): number => {
    const unlike = a.genotype.filter((choice, i) => choice !== b.genotype[i]).length;
    return (range === 0 ? 0 : Math.abs(cost(a) - cost(b)) / range) + unlike / Math.max(1, a.genotype.length);
  };
  const chosen = [first];
  const nearest = new Map(byCost.map((one) => [one, distance(one, first)]));
  while (chosen.length < Math.min(count, byCost.length)) {
    const next = byCost.reduce((best, one) => (nearest.get(one)! > nearest.get(best)! ? one : best));
    chosen.push(next);
    for (const one of byCost) nearest.set(one, Math.min(nearest.get(one)!, distance(one, next)));
  }
  return chosen;
}
