import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Observation, Searcher, SearcherOptions } from "../../src/search/searcher.ts";
import { oneOf } from "../../src/space/choice.ts";
import { decode, defineSpace, sample, type Genotype, type SearchSpace } from "../../src/space/space.ts";
import { createRng } from "../../src/util/rng.ts";

export type CreateSearcher = (space: SearchSpace, options: SearcherOptions) => Searcher;
export type RewardOf = (genotype: Genotype) => number;

/** A space with the given numbers of choices. */
export const spaceOf = (choices: readonly number[]): SearchSpace =>
  defineSpace("toy", {
    layers: choices.map((n) =>
      oneOf(
        "layer",
        Array.from({ length: n }, (_, i) => i),
      ),
    ),
  });

/** Share of the decisions that are as in a hidden genotype. */
export function likeHidden(space: SearchSpace, seed: number): RewardOf {
  const hidden = sample(space, createRng(seed).fork("hidden"));
  return (genotype) => genotype.filter((index, i) => index === hidden[i]).length / Math.max(1, hidden.length);
}

export const numbersOf = (start: number, batch: number): number[] => Array.from({ length: batch }, (_, i) => start + i);

/** All that was asked in `batches` batches; trials for which `isTold` says no are left out of what is told. */
export function run(
  searcher: Searcher,
  batch: number,
  batches: number,
  rewardOf: RewardOf,
  isTold: (number: number) => boolean = () => true,
): Observation[] {
  const done: Observation[] = [];
  for (let b = 0; b < batches; b++) {
    const asked = numbersOf(b * batch, batch).map((number) => ({ number, genotype: searcher.ask(number) }));
    const seen = asked.map((trial) => ({ ...trial, reward: rewardOf(trial.genotype) }));
    for (const observation of seen) if (isTold(observation.number)) searcher.tell(observation);
    done.push(...seen);
  }
  return done;
}

export const meanOf = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

const anyChoices = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 6 });
const anySearch = fc.record({ choices: anyChoices, seed: fc.nat(), batch: fc.integer({ min: 1, max: 6 }) });
const runs = { numRuns: 12 };

/** What every searcher promises. Those that learn propose better networks the more they were told. */
export function searcherConformance(name: string, learns: boolean, create: CreateSearcher): void {
  describe(name, () => {
    test("proposes genotypes of the space", () => {
      fc.assert(
        fc.property(anySearch, ({ choices, seed, batch }) => {
          const space = spaceOf(choices);
          for (const { genotype } of run(create(space, { seed, batch }), batch, 6, likeHidden(space, seed))) {
            expect(decode(space, genotype)).toEqual({ layers: [...genotype] });
          }
        }),
        runs,
      );
    });

    test("proposes the same for the same seed, however often and early it is asked, and else for another seed", () => {
      const space = spaceOf([3, 4, 2, 5, 3, 4, 5, 5]);
      const proposals = (searcher: Searcher): Observation[] => run(searcher, 4, 8, likeHidden(space, 0));
      const plain = proposals(create(space, { seed: 1, batch: 4 }));

      const searcher = create(space, { seed: 1, batch: 4 });
      const ask = (number: number): Genotype => {
        const first = searcher.ask(number);
        expect(searcher.ask(number)).toEqual(first);
        searcher.ask(number + 4);
        return first;
      };
      expect(proposals({ ...searcher, ask })).toEqual(plain);
      expect(proposals(create(space, { seed: 2, batch: 4 }))).not.toEqual(plain);
    });

    test("resumes from its trials: any were left out, the last batch is told in part, its rest is asked in any order", () => {
      const anyResume = fc.record({
        search: anySearch,
        left: fc.func(fc.boolean()),
        batch: fc.nat({ max: 6 }),
        part: fc.nat({ max: 6 }),
        order: fc.nat(),
      });
      fc.assert(
        fc.property(anyResume, ({ search: { choices, seed, batch }, left, batch: last, part, order }) => {
          const space = spaceOf(choices);
          const isTold = (number: number): boolean => !left(number);
          const whole = run(create(space, { seed, batch }), batch, 8, likeHidden(space, seed), isTold);
          const start = last * batch;
          const cut = start + Math.min(part, batch);

          const resumed = create(space, { seed, batch });
          const told = whole.filter(({ number }) => isTold(number));
          for (const observation of told.filter(({ number }) => number < cut)) resumed.tell(observation);
          for (const number of createRng(order).shuffle(numbersOf(start, batch))) {
            expect(resumed.ask(number)).toEqual(whole[number]!.genotype);
          }
          for (const observation of told.filter(({ number }) => number >= cut && number < start + batch))
            resumed.tell(observation);
          for (const number of numbersOf(start + batch, batch))
            expect(resumed.ask(number)).toEqual(whole[number]!.genotype);
        }),
        {
          ...runs,
          examples: [
            [{ search: { choices: [3, 3, 3, 3], seed: 1, batch: 6 }, left: () => false, batch: 6, part: 4, order: 0 }],
          ],
        },
      );
    });

    test("goes on when every trial of a batch is left out", () => {
      const space = spaceOf([4, 4, 4, 4, 4, 4]);
      const trials = run(create(space, { seed: 3, batch: 4 }), 4, 6, likeHidden(space, 3), () => false);
      expect(new Set(trials.map(({ genotype }) => genotype.join())).size).toBeGreaterThan(12);
    });

    test("works where nothing, or nothing else, can be chosen", () => {
      for (const choices of [[], [1], [1, 1, 1]]) {
        const space = spaceOf(choices);
        const trials = run(create(space, { seed: 0, batch: 4 }), 4, 12, likeHidden(space, 0));
        expect(trials.every(({ genotype }) => genotype.join() === choices.map(() => 0).join())).toBe(true);
      }
      const trials = run(create(spaceOf([1, 3, 1, 2]), { seed: 0, batch: 4 }), 4, 12, ([, a, , b]) => a! + b!);
      expect(new Set(trials.map(({ genotype }) => genotype.join())).size).toBe(6);
    });

    test.each([-1000, 1e9])("does not care where the rewards have their zero: %d", (zero) => {
      const space = spaceOf([3, 4, 2, 5, 3]);
      const rewardOf = likeHidden(space, 5);
      const trials = run(create(space, { seed: 5, batch: 8 }), 8, 20, (genotype) => rewardOf(genotype) + zero);
      const rewards = trials.map(({ reward }) => reward - zero);
      expect(Math.max(...rewards)).toBeGreaterThanOrEqual(0.79);
      expect(rewards.every(Number.isFinite)).toBe(true);
    });

    test.each([
      [[3, 3, 3, 3, 3, 3, 3, 3], 1],
      [[2, 5, 1, 4, 3, 2, 6, 4, 1, 3], 2],
      [[4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4], 3],
    ])("finds better than the mean of the space of %j", (choices, seed) => {
      const space = spaceOf(choices);
      const rewards = run(create(space, { seed, batch: 8 }), 8, 40, likeHidden(space, seed)).map(
        ({ reward }) => reward,
      );
      const mean = meanOf(choices.map((n) => 1 / n));
      expect(Math.max(...rewards)).toBeGreaterThan(mean + 0.25);
      // Some three batches, since who does not repeat itself must leave the best behind: half of the way to the best.
      const windows = rewards.slice(23).map((_, i) => meanOf(rewards.slice(i, i + 24)));
      if (learns) expect(Math.max(...windows)).toBeGreaterThan((1 + mean) / 2);
      else expect(Math.abs(meanOf(rewards) - mean)).toBeLessThan(0.05);
    });
  });
}
