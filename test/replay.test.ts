import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { replay, type ReplayOptions } from "../src/replay/replay.ts";
import { summarizeScores } from "../src/replay/summary.ts";
import { readTable } from "../src/replay/table.ts";
import { createRng } from "../src/util/rng.ts";
import { mnas, scratch } from "./mnas.ts";

/** Results of all networks of five decisions: more of everything is more accurate and slower, some more than others. */
function tableJson(): string {
  const rng = createRng("table");
  const worth = [5, 3, 2, 1, 4];
  const price = [1, 4, 2, 3, 5];
  const rows = Array.from({ length: 3 ** 5 }, (_, n) => {
    const key = n.toString(3).padStart(5, "0");
    const level = (weights: readonly number[]): number => weights.reduce((sum, w, i) => sum + w * Number(key[i]), 0);
    const accuracy = (): number => 80 + 0.4 * level(worth) + 0.1 * rng.normal();
    return [key, { test_acc: [accuracy(), accuracy(), accuracy()], flops: 1e6 * (10 + level(price)) }] as const;
  });
  return JSON.stringify(Object.fromEntries(rows));
}

const options: Omit<ReplayOptions, "seed"> = {
  searcher: "bayesian",
  goal: "reward",
  reward: { kind: "hard" },
  target: 25e6,
  samples: 64,
  batch: 8,
  workers: 2,
  reference: { accuracy: 0.8, cost: 41e6 },
};
const seeds = [0, 1, 2, 3, 4, 5];

test("a replay is the same each time, and finds better networks than random search in as many samples", () => {
  using folder = scratch();
  const file = join(folder.dir, "table.json");
  writeFileSync(file, tableJson());
  const table = readTable(file);
  expect(table.entries.size).toBe(243);
  expect(table.space.decisions).toHaveLength(5);
  const run = (changes: Partial<ReplayOptions>) =>
    summarizeScores(seeds.map((seed) => replay(table, { ...options, ...changes, seed }))).at(-1)!;
  expect(replay(table, { ...options, seed: 3 })).toEqual(replay(table, { ...options, seed: 3 }));
  const [ours, random] = [run({}), run({ searcher: "random" })];
  expect(ours.within.mean).toBe(1);
  expect(ours.accuracy.mean).toBeGreaterThan(random.accuracy.mean);
  expect(ours.distinct.mean).toBe(1);
  expect(ours.time.mean).toBe(32);
  const [front, chance] = [run({ goal: "front" }), run({ goal: "front", searcher: "random" })];
  expect(front.hypervolume.mean).toBeGreaterThan(chance.hypervolume.mean);
  expect(front.hypervolume.mean).toBeGreaterThan(0.97);
  expect(front.hypervolume.mean).toBeLessThanOrEqual(1);
});

test("tables are read from JSON rows and CSV, with shares or percentages, and what is wrong is named", () => {
  using folder = scratch();
  const write = (name: string, text: string): string => {
    const file = join(folder.dir, name);
    writeFileSync(file, text);
    return file;
  };
  const csv = readTable(write("a.csv", "notation,accuracy,latencyMs\nr1_k3 r1_k5,91.5,2\nr1_k5 r1_k5,92,3\n"));
  expect(csv.space.decisions).toHaveLength(1);
  expect([0, 1].map((choice) => csv.entryOf([choice])?.accuracies)).toEqual([[0.915], [0.92]]);
  const rows = readTable(
    write("b.json", '[{"notation":"01","accuracy":0.5,"cost":1},{"notation":"10","accuracy":1,"cost":2}]'),
  );
  expect(rows.entryOf([0, 0])).toBe(null);
  expect(rows.entryOf([1, 0])).toMatchObject({ key: "10", accuracies: [1], cost: 2 });
  for (const [text, message] of [
    ["{", "neither JSON nor CSV"],
    ["{}", "no entries"],
    ['{"0":{"latencyMs":1}}', 'entry "0" has no accuracy'],
    ['{"0":{"accuracy":1}}', 'entry "0" has no latencyMs'],
    ['{"0":{"accuracy":0.5,"cost":-1}}', 'cost of "0" is -1'],
    ['{"0":{"accuracy":"good","cost":1}}', 'accuracy of "0" is "good"'],
    ['{"0":{"accuracy":0.5,"cost":1},"00":{"accuracy":0.5,"cost":1}}', '"00" has 2 parts'],
  ]) {
    expect(() => readTable(write("bad.json", text!))).toThrow(message!);
  }
});

test("mnas replay prints means with their errors, and writes them with a plot", async () => {
  using folder = scratch();
  writeFileSync(join(folder.dir, "table.json"), tableJson());
  const args = ["replay", "--table", "table.json", "--seeds", "3", "--samples", "60", "--target", "25e6"];
  const { code, stdout } = await mnas([...args, "--reference", "80%,41e6", "--json", "--out", "result"], folder.dir);
  expect(code).toBe(0);
  const estimate = { mean: expect.any(Number), stderr: expect.any(Number) };
  const result: unknown = JSON.parse(stdout);
  expect(result).toMatchObject({ accuracy: estimate, reward: estimate, hypervolume: estimate, distinct: estimate });
  expect(JSON.parse(readFileSync(join(folder.dir, "result.json"), "utf8"))).toEqual(result);
  expect(readFileSync(join(folder.dir, "result.svg"), "utf8")).toMatch(/^<svg .*<\/svg>\n$/s);
  const bad = await mnas(["replay", "--table", "none.json"], folder.dir);
  expect([bad.code, bad.stdout]).toEqual([3, ""]);
  expect((await mnas([...args, "--reference", "2,1"], folder.dir)).code).toBe(2);
});
