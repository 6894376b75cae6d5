import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { frontEvolution } from "../bench/search/front-evolution.ts";
import { localSearch } from "../bench/search/local-search.ts";
import { distinctOf, play, type Goal, type PlayOptions } from "../src/replay/play.ts";
import { hypervolumeShare, meanAccuracy, pickOf } from "../src/replay/replay.ts";
import { readTable, type ResultTable } from "../src/replay/table.ts";
import { evolutionSearcher } from "../src/search/evolution.ts";
import { randomSearcher } from "../src/search/random.ts";

const folder = mkdtempSync(join(tmpdir(), "mnas-replay-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Four decisions of three choices: more of each is more accurate and costs more; seeds differ by half a point. */
const file = join(folder, "table.json");
const rows = Array.from({ length: 81 }, (_, i) => {
  const key = i.toString(3).padStart(4, "0");
  const size = key.split("").reduce((sum, digit, at) => sum + Number(digit) * (1 + at / 7), 0);
  return [key, { accuracy: [70 + 2 * size, 70.5 + 2 * size, 69.5 + 2 * size], cost: 10 + size ** 2 }];
});
writeFileSync(file, JSON.stringify(Object.fromEntries(rows)));
const table = readTable(file);
/** The same without noise. */
const smooth: ResultTable = {
  ...table,
  entryOf: (genotype) => {
    const entry = table.entryOf(genotype)!;
    return { ...entry, accuracies: [meanAccuracy(entry)] };
  },
};
const entries = [...table.entries.values()];
const corner = { accuracy: 0.5, cost: 1000 };

const wanted = (goal: Goal) => ({ goal, reward: { kind: "hard" }, target: 40 }) as const;
const searchers: Readonly<Record<string, PlayOptions["searcher"]>> = {
  evolution: evolutionSearcher,
  random: randomSearcher,
  "local search": localSearch,
  "evolution of the front": frontEvolution,
};

describe.each(Object.entries(searchers))("%s", (_, searcher) => {
  const options = { ...wanted("front"), searcher, samples: 64, batch: 1, seed: 3 };

  test("sees one result of a network, again and again", () => {
    const samples = play(table, options);
    expect(samples).toHaveLength(64);
    const results = new Map<string, number>();
    for (const { known, isNew } of samples) {
      const { entry, accuracy } = known!;
      expect(entry.accuracies).toContain(accuracy);
      expect(isNew).toBe(!results.has(entry.key));
      expect(results.get(entry.key) ?? accuracy).toBe(accuracy);
      results.set(entry.key, accuracy);
    }
    expect(distinctOf(samples)).toHaveLength(results.size);
  });

  test("is a function of its seed", () => {
    expect(play(table, options)).toEqual(play(table, options));
    expect(play(table, { ...options, seed: 4 })).not.toEqual(play(table, options));
  });
});

test("local search climbs to the top of a hill and repeats nothing", () => {
  for (let seed = 0; seed < 10; seed++) {
    // From anywhere it takes at most four steps, each among eight neighbours.
    const options = { ...wanted("accuracy"), searcher: localSearch, samples: 33, batch: 1, seed };
    const seen = distinctOf(play(smooth, options));
    expect(seen).toHaveLength(33);
    expect(seen.map(({ entry }) => entry.key)).toContain("2222");
  }
});

test("a pick is within the target if anything is", () => {
  const seen = distinctOf(
    play(table, { ...wanted("reward"), searcher: randomSearcher, samples: 60, batch: 8, seed: 1 }),
  );
  const within = seen.filter(({ entry }) => entry.cost <= 40);
  const pick = pickOf(table, seen, wanted("reward"));
  expect(within).toContain(pick);
  const best = Math.max(...within.map(({ entry }) => meanAccuracy(entry)));
  expect(best - meanAccuracy(pick.entry)).toBeLessThan(0.01);
  const slow = seen.filter(({ entry }) => entry.cost > 40);
  expect(slow).toContain(pickOf(table, slow, wanted("reward")));
});

test("who knows all of a front without noise has all of its hypervolume", () => {
  const known = entries.map((entry, i) => ({ genotype: [i], entry, accuracy: meanAccuracy(entry) }));
  expect(hypervolumeShare(table, known, corner)).toBe(1);
  const some = known.filter(({ entry }) => entry.cost < 30);
  expect(hypervolumeShare(table, some, corner)).toBeLessThan(1);
});
