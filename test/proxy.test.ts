import * as fc from "fast-check";
import { expect, test } from "vitest";
import { resolveConfig } from "../src/config/config.ts";
import { mnasnetTinySpace } from "../src/space/presets.ts";
import { defineSpace } from "../src/space/space.ts";
import { diverseNetworks } from "../src/study/proxy/networks.ts";
import { networkDeviation, pooledDeviation, rankingsOf } from "../src/study/proxy/ranking.ts";
import { levelsOf } from "../src/study/proxy/trainings.ts";
import { loadStudyData } from "../src/study/run-data.ts";
import { createRng } from "../src/util/rng.ts";

const task = { height: 28, width: 28, channels: 1, classes: 10 };

test("diverse networks are all different, span the costs of the space, and are among more of them", () => {
  const choose = (count: number) => diverseNetworks(mnasnetTinySpace, task, count, createRng("diverse"));
  const twelve = choose(12);
  expect(new Set(twelve.map(({ notation }) => notation)).size).toBe(12);
  expect(choose(5).map(({ notation }) => notation)).toEqual(twelve.slice(0, 5).map(({ notation }) => notation));
  const madds = (some: typeof twelve) => some.map(({ costs }) => costs.madds);
  const all = madds(choose(256));
  const quintile = (cost: number): number => Math.floor((5 * all.filter((other) => other < cost).length) / all.length);
  expect(new Set(madds(twelve).map(quintile)).size).toBe(5);
  const range = Math.log(Math.max(...all) / Math.min(...all));
  expect(Math.log(Math.max(...madds(twelve)) / Math.min(...madds(twelve)))).toBeGreaterThan(0.9 * range);
});

test("a space of few networks gives them all", () => {
  const { template } = mnasnetTinySpace;
  const [first] = template.blocks;
  const plain = {
    ...first!,
    op: "mbconv3",
    kernel: 3,
    filters: 8,
    layers: 1,
    seRatio: 0,
    skip: "none",
    stride: 2,
  } as const;
  const space = defineSpace("two", {
    ...template,
    blocks: [{ ...plain, kernel: { kind: "oneOf", tag: "kernel", choices: [3, 5] } }],
  });
  expect(diverseNetworks(space, task, 12, createRng(0))).toHaveLength(2);
});

/** Networks of accuracies 0.5 to 0.9, each trained twice with some noise. */
function trained(count: number, noise: number, label: string): number[][] {
  const rng = createRng(label);
  return Array.from({ length: count }, (_, i) =>
    [0, 1].map(() => 0.5 + (0.4 * i) / (count - 1) + noise * rng.normal()),
  );
}

test("a proxy that ranks as full training does has a Kendall of 1, and one that turns the order round of -1", () => {
  const full = trained(10, 0, "full");
  const [same, reversed] = rankingsOf([full, full.toReversed()], full);
  expect(same).toMatchObject({ kendall: 1, low: 1, high: 1, seedNoise: expect.closeTo(0, 9), isWithinNoise: true });
  expect(same!.possible).toBeCloseTo(1, 9);
  expect(reversed).toMatchObject({ kendall: -1, isWithinNoise: false });
});

test("noise of seeds lowers what is possible, and the Kendall that is found is about that", () => {
  const full = trained(30, 0.002, "full");
  const rankings = rankingsOf([trained(30, 0.002, "p"), trained(30, 0.03, "q"), trained(30, 0.2, "r")], full);
  const possible = rankings.map((one) => one.possible);
  expect(possible).toEqual(possible.toSorted((a, b) => b - a));
  for (const { kendall, possible: most, low, high } of rankings.slice(0, 2)) {
    expect(Math.abs(kendall - most)).toBeLessThan(0.1);
    expect(low <= kendall && kendall <= high).toBe(true);
  }
  const [, medium] = rankings;
  expect(medium!.seedNoise).toBeGreaterThan(0.02);
  expect(medium!.seedNoise).toBeLessThan(0.04);
  expect(rankings.map(({ isWithinNoise }) => isWithinNoise)).toEqual([true, false, false]);
});

test("whatever the accuracies, every figure is a number in its range, and some proxy is the best", () => {
  // Few values, so that many are equal; all equal is a proxy that ranks nothing.
  const row = fc.tuple(fc.constantFrom(0.1, 0.2, 0.3), fc.constantFrom(0.1, 0.2, 0.3)).map((pair) => [...pair]);
  const some = fc.array(fc.tuple(row, row, row), { minLength: 4, maxLength: 6 });
  fc.assert(
    fc.property(some, (networks) => {
      const column = (c: 0 | 1 | 2) => networks.map((one) => one[c]);
      const rankings = rankingsOf([column(0), column(1)], column(2));
      for (const { kendall, low, high, possible, seedNoise } of rankings) {
        for (const tau of [kendall, low, high, possible]) expect(Math.abs(tau)).toBeLessThanOrEqual(1 + 1e-9);
        expect(low).toBeLessThanOrEqual(high);
        expect(seedNoise).toBeGreaterThanOrEqual(0);
      }
      expect(rankings.some(({ isWithinNoise }) => isWithinNoise)).toBe(true);
    }),
    { numRuns: 8 },
  );
  expect(
    networkDeviation([
      [1, 1],
      [2, 2],
      [3, 3],
    ]),
  ).toBe(1);
  // Not farther apart than noise alone would put them.
  expect(
    networkDeviation([
      [1, 3],
      [2, 4],
    ]),
  ).toBe(0);
  expect(
    pooledDeviation([
      [1, 3],
      [5, 5],
    ]),
  ).toBe(1);
});

test("the proxy at another length is what its epochs in the config would make of it", async () => {
  const config = resolveConfig({}, "the options");
  const dataset = await loadStudyData(config);
  const levels = levelsOf(config, dataset);
  expect(levels.map(({ epochs, isOwn }) => [epochs, isOwn])).toEqual([
    [1, false],
    [2, true],
    [4, false],
  ]);
  expect(levels[2]!.recipe).toEqual(resolveConfig({ proxy: { epochs: 4 } }, "the options").proxy);
});
