import fc from "fast-check";
import { expect, test } from "vitest";
import { evolutionSearcher } from "../src/search/evolution.ts";
import { advantagesOf, ppoSearcher } from "../src/search/ppo.ts";
import { randomSearcher } from "../src/search/random.ts";
import { createSearcher, searcherNames } from "../src/search/searchers.ts";
import { meanOf, numbersOf, run, searcherConformance, spaceOf } from "./contract/searcher.ts";
import { tightConformance } from "./contract/tight.ts";

for (const name of searcherNames) {
  searcherConformance(name, name !== "random", (space, options) => createSearcher(name, space, options));
}

// Evolution learns from rewards alone, and random from nothing: neither promises this.
for (const [name, seeds] of [
  ["bayesian", 7],
  ["ppo", 3],
] as const) {
  tightConformance(name, seeds, (space, options) => createSearcher(name, space, options));
}

test("random proposes every genotype equally often, whatever it is told", () => {
  const space = spaceOf([2, 3, 2]);
  const trials = run(randomSearcher(space, { seed: 7 }), 10, 240, ([first]) => first!);
  const counts = new Map<string, number>();
  for (const { genotype } of trials) counts.set(genotype.join(), (counts.get(genotype.join()) ?? 0) + 1);
  const chiSquare = [...counts.values()].reduce((sum, count) => sum + (count - 200) ** 2 / 200, 0);
  expect(counts.size).toBe(12);
  // The 99.9 % quantile for 11 degrees of freedom.
  expect(chiSquare).toBeLessThan(31.26);
});

const flat = spaceOf(Array.from({ length: 12 }, () => 2));
const zeros = flat.decisions.map(() => 0);
const ones = flat.decisions.map(() => 1);
const distance = (a: readonly number[], b: readonly number[]): number => a.filter((index, i) => index !== b[i]).length;

test("evolution mutates one decision of the best of those alive, and forgets the oldest, however good", () => {
  const searcher = evolutionSearcher(flat, { seed: 1, batch: 1, populationSize: 4, tournamentSize: 40 });
  searcher.tell({ number: 0, genotype: ones, reward: 1 });
  for (const number of [1, 2, 3]) searcher.tell({ number, genotype: zeros, reward: 0 });
  expect(distance(searcher.ask(4), ones)).toBe(1);
  searcher.tell({ number: 4, genotype: zeros, reward: 0.5 });
  for (const number of numbersOf(5, 20)) expect(distance(searcher.ask(number), zeros)).toBe(1);
});

test("evolution begins with random genotypes, as many as live at a time", () => {
  const options = { seed: 1, batch: 5, populationSize: 12, tournamentSize: 3 };
  const random = randomSearcher(flat, options);
  const trials = run(evolutionSearcher(flat, options), 5, 4, () => 0);
  // The third batch starts with ten told, the fourth with fifteen.
  expect(trials.slice(0, 15).map(({ genotype }) => genotype)).toEqual(
    numbersOf(0, 15).map((number) => random.ask(number)),
  );
  const population = trials.slice(3, 15);
  for (const { genotype } of trials.slice(15)) {
    expect(Math.min(...population.map((member) => distance(member.genotype, genotype)))).toBeLessThanOrEqual(1);
  }
});

test("ppo learns what decisions are worth together, where none is worth anything alone", () => {
  const space = spaceOf(Array.from({ length: 12 }, () => 3));
  const pairs = [0, 2, 4, 6, 8, 10];
  const agreement = (genotype: readonly number[]): number =>
    meanOf(pairs.map((i) => (genotype[i] === genotype[i + 1] ? 1 : 0)));
  const searcher = ppoSearcher(space, { seed: 4, batch: 8 });
  const late = run(searcher, 8, 50, agreement).slice(-80);
  // Guessing gives a third.
  expect(meanOf(late.map(({ reward }) => reward))).toBeGreaterThan(0.8);
});

test("rewards that are all the same give no advantage, whatever their rounding", () => {
  fc.assert(
    fc.property(fc.double({ min: -1e6, max: 1e6, noNaN: true }), fc.integer({ min: 1, max: 20 }), (reward, count) => {
      const { advantages } = advantagesOf(Array<number>(count).fill(reward), null);
      expect(advantages.every((advantage) => advantage === 0)).toBe(true);
    }),
  );
  expect(advantagesOf([1, 3], null).advantages).toEqual([-1, 1]);
  expect(advantagesOf([1, 3], 0).advantages.every((advantage) => advantage > 0)).toBe(true);
});
