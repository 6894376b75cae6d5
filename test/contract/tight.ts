import { describe, expect, test } from "vitest";
import { median } from "../../src/device/statistics.ts";
import { reachOf } from "../../src/search/reach.ts";
import type { Observation, SearcherOptions } from "../../src/search/searcher.ts";
import { sample, type Genotype, type SearchSpace } from "../../src/space/space.ts";
import { exp, log } from "../../src/util/math.ts";
import { createRng } from "../../src/util/rng.ts";
import { spaceOf, type CreateSearcher } from "./searcher.ts";

/** Choices of the decisions of a block. */
const block = [4, 2, 3, 3, 2, 3];
const blocks = 3;
const batch = 8;

/** Networks this much slower than the target are not trained. */
const gate = 1.5;

/** Networks whose latency is a sum over blocks, and whose cost tells something of it. */
interface World {
  readonly space: SearchSpace;
  readonly latencyOf: (genotype: Genotype) => number;
  readonly describe: NonNullable<SearcherOptions["describe"]>;
  /** The latency that a share of all networks keeps. */
  readonly quantile: (share: number) => number;
}

function worldOf(seed: number): World {
  const rng = createRng(seed).fork("tight");
  const space = spaceOf(Array.from({ length: blocks }, () => block).flat());
  const weights = space.decisions.map(({ choices }, i) =>
    choices.map((_, choice) => choice * (i % block.length === 0 ? 0.42 : 0.21) + 0.25 * rng.normal()),
  );
  const proxies = weights.map((some) => some.map((weight) => weight + 0.25 * rng.normal()));
  const sum = (table: readonly (readonly number[])[], genotype: Genotype): number => {
    const parts = genotype.map((choice, i) => table[i]![choice]!);
    return Array.from({ length: blocks }, (_, b) =>
      exp(parts.slice(b * block.length, (b + 1) * block.length).reduce((all, part) => all + part, 0)),
    ).reduce((all, ms) => all + ms, 0);
  };
  const latencyOf = (genotype: Genotype): number => sum(weights, genotype);
  const known = Array.from({ length: 10_000 }, () => latencyOf(sample(space, rng))).sort((a, b) => a - b);
  return {
    space,
    latencyOf,
    describe: (genotype) => ({ key: genotype.join(), costs: [sum(proxies, genotype)] }),
    quantile: (share) => known[Math.floor(share * known.length)]!,
  };
}

/** The latencies of a search with a hard reward, in which slower networks are more accurate. */
function search(create: CreateSearcher, world: World, targetMs: number, seed: number, trials: number) {
  const { space, latencyOf, describe: about } = world;
  const rewardOf = (_: Genotype, { accuracy, latencyMs }: { accuracy: number; latencyMs: number }): number =>
    accuracy * Math.min(1, targetMs / latencyMs);
  const searcher = create(space, { seed, batch, objective: { kind: "reward", rewardOf }, describe: about, targetMs });
  const done: (Observation & { readonly latencyMs: number })[] = [];
  for (let start = 0; start < trials; start += batch) {
    const asked = Array.from({ length: batch }, (_, i) => searcher.ask(start + i));
    asked.forEach((genotype, i) => {
      const latencyMs = latencyOf(genotype);
      const accuracy = latencyMs > gate * targetMs ? null : 0.5 + 0.1 * log(latencyMs);
      const reward = rewardOf(genotype, { accuracy: accuracy ?? 0.1, latencyMs });
      const observation = { number: start + i, genotype, reward, accuracy, latencyMs };
      done.push(observation);
      searcher.tell(observation);
    });
  }
  return done;
}

/**
 * What searchers promise that model latency: a target that hardly any network keeps is met early.
 *
 * @param seeds how many searches are made.
 */
export function tightConformance(name: string, seeds: number, create: CreateSearcher): void {
  describe(`${name}, with a tight target`, () => {
    test.each([0.01, 0.001])(
      "finds the first network within it in 40 trials in the median, where a share of %d is",
      (share) => {
        const firsts = Array.from({ length: seeds }, (_, seed) => {
          const world = worldOf(seed);
          const targetMs = world.quantile(share);
          const trials = search(create, world, targetMs, seed, 40);
          const first = trials.findIndex(({ latencyMs }) => latencyMs <= targetMs);
          return first < 0 ? Infinity : first + 1;
        });
        expect(median(firsts)).toBeLessThanOrEqual(40);
      },
    );

    test("comes to faster networks than a thousandth of the space, and says so, where none is within it", () => {
      for (const seed of [0, 1]) {
        const world = worldOf(seed);
        const targetMs = 0.2 * world.quantile(0);
        const trials = search(create, world, targetMs, seed, 48);
        expect(Math.min(...trials.map(({ latencyMs }) => latencyMs))).toBeLessThan(world.quantile(0.001));
        const reach = reachOf(world.space, world.describe, trials.slice(0, 32))!;
        expect(reach.lowMs).toBeGreaterThan(targetMs);
        expect(reach.latencyMs).toBeLessThan(world.quantile(0.001));
      }
    });
  });
}
