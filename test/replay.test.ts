import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { replay, type ReplayOptions } from "../src/replay/replay.ts";
import { summarizeScores } from "../src/replay/summary.ts";
import { readTable, type ResultTable } from "../src/replay/table.ts";
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
  const [share, shareByChance] = [front.hypervolume!.mean, chance.hypervolume!.mean];
  expect(share).toBeGreaterThan(shareByChance);
  expect(share).toBeGreaterThan(0.97);
  expect(share).toBeLessThanOrEqual(1);
});

/** A table of a file with such a text. */
function tableOf(text: string, name = "table.csv"): ResultTable {
  using folder = scratch();
  const file = join(folder.dir, name);
  writeFileSync(file, text);
  return readTable(file);
}

const entriesOf = ({ entries }: ResultTable) =>
  Array.from(entries.values(), ({ key, accuracies, cost }) => [key, accuracies, cost]);

const two = [
  ["r1_k3 r1_k5", [0.915], 2],
  ["r1_k5 r1_k5", [0.92], 3],
];

test.each([
  ["commas", "notation,accuracy,latencyMs\nr1_k3 r1_k5,91.5,2\nr1_k5 r1_k5,92,3\n"],
  ["an index without a name", ",notation,accuracy,latencyMs\n0,r1_k3 r1_k5,91.5,2\n1,r1_k5 r1_k5,92,3\n"],
  ["an index that is named", "id,arch,top1,latency\n1,r1_k3 r1_k5,91.5,2\n2,r1_k5 r1_k5,92,3\n"],
  ["the key in the last column", "accuracy,latencyMs,notation\n91.5,2,r1_k3 r1_k5\n92,3,r1_k5 r1_k5\n"],
  ["a key of an unknown name", "seconds,acc,latency_ms,net\n7.1,91.5,2,r1_k3 r1_k5\n7.2,92,3,r1_k5 r1_k5\n"],
  [
    "quoted cells",
    '"notation","accuracy","latencyMs","note"\r\n"r1_k3 r1_k5","91.5","2","a ""b"", c"\r\n"r1_k5 r1_k5",92,3,\r\n',
  ],
  ["semicolons and decimal commas", "\ufeffNotation;Test_Acc;Latency (ms)\nr1_k3 r1_k5;91,5;2\nr1_k5 r1_k5;92,0;3\n"],
  ["tabs", "notation\taccuracy\tlatencyMs\nr1_k3 r1_k5\t91.5\t2\nr1_k5 r1_k5\t92\t3\n"],
  ["lists in cells", 'notation,accuracies,cost\nr1_k3 r1_k5,"[91.5]",2\nr1_k5 r1_k5,"[92.0]",3\n'],
  ["several costs in a cell", 'notation,acc,cost\nr1_k3 r1_k5,91.5,"[1, 3]"\nr1_k5 r1_k5,92,3\n'],
  ["JSON rows", '[{"key":"r1_k3 r1_k5","acc":0.915,"cost":2},{"key":"r1_k5 r1_k5","acc":0.92,"cost":3}]'],
  ["JSON entries", '{"r1_k3 r1_k5":{"acc":0.915,"cost":2},"r1_k5 r1_k5":{"acc":0.92,"cost":3}}'],
])("a table with %s is read", (_, text) => {
  const table = tableOf(text);
  expect(entriesOf(table)).toEqual(two);
  expect([0, 1].map((choice) => table.entryOf([choice])?.key)).toEqual(["r1_k3 r1_k5", "r1_k5 r1_k5"]);
});

test("edges of NAS-Bench-201 are decisions, also where the file is called other than CSV", () => {
  const cell = (a: string, b: string): string => `|${a}~0|+|none~0|${b}~1|`;
  const rows = [
    cell("nor_conv_3x3", "none"),
    cell("none", "nor_conv_3x3"),
    cell("none", "none"),
    cell("nor_conv_3x3", "nor_conv_3x3"),
  ];
  const table = tableOf(
    `,arch_str,test_acc,latency\n${rows.map((key, i) => `${i},${key},${80 + i},${i + 1}`).join("\n")}`,
    "t.txt",
  );
  expect(table.space.decisions.map(({ choices }) => choices)).toEqual([
    ["none~0", "nor_conv_3x3~0"],
    ["none~1", "nor_conv_3x3~1"],
  ]);
  expect(table.entryOf([0, 1])?.key).toBe(rows[1]);
});

test("what a table lacks is left out, or stood for by the nearest network, and said", () => {
  const text = "arch,accuracy,latencyMs,flops\n000,70,1,5\n001,,2,5\n010,72,nan,5\n111,90,9,\n110,80,4,7\n";
  const table = tableOf(text);
  expect(entriesOf(table)).toEqual([
    ["000", [0.7], 1],
    ["111", [0.9], 9],
    ["110", [0.8], 4],
  ]);
  expect(table.notes).toEqual([
    "networks named by arch, accuracy as accuracy, latencyMs as cost",
    "2 of 5 entries are left out: they lack accuracy or latencyMs",
    "3 of 8 networks of the space are known; for another one the nearest of them stands",
  ]);
  expect(table.entryOf([0, 1, 0])?.key).toBe("000");
  expect(table.entryOf([0, 1, 1])?.key).toBe("111");
  // A column with gaps would compare networks by numbers that are not there; latency is not known before it is measured.
  expect([...table.entries.values()].map(({ costs }) => costs)).toEqual([[], [], []]);
  const scores = replay(table, { ...options, target: 5, samples: 16, seed: 0, reference: { accuracy: 0.7, cost: 9 } });
  expect(scores.at(-1)).toMatchObject({ accuracy: 0.8, hypervolume: 1 });
});

test.each([
  ["{", "neither JSON nor CSV"],
  ['a,b\n1,2,"', "neither JSON nor CSV"],
  ["notation,accuracy,cost\n01,0.5\n", "neither JSON nor CSV: invalid record length"],
  ["", "no entries"],
  ["{}", "no entries"],
  ['{"0":{"latencyMs":1}}', 'no column is an accuracy, such as accuracy, test_acc or top1; it has "latencyMs"'],
  ['{"0":{"accuracy":1}}', "no column is a cost"],
  ["accuracy,latencyMs\n0.5,1\n0.6,2\n0.7,3\n", "no column names networks"],
  ["notation,accuracy,latencyMs\n0,0.5,1\n1,0.6,2\n2,0.7,3\n", "no column names networks"],
  ['{"0":{"accuracy":0.5,"cost":-1}}', 'cost of "0" is -1'],
  ['{"0":{"accuracy":"good","cost":1}}', 'accuracy of "0" is "good"'],
  ['{"0":{"accuracy":0.5,"cost":1},"00":{"accuracy":0.5,"cost":1}}', "not made of as many parts"],
  ["notation,accuracy,cost\n01,,1\n10,0.5,\n", "no entry has both accuracy and cost"],
  ["notation,accuracy,cost,accuracy\n01,0.5,1,9\n10,0.5,2,9\n", 'two columns are called "accuracy"'],
  ['{"0":{"accuracy":0.5,"cost":[1,"x"]}}', 'cost of "0" is [1,"x"]'],
  ["notation,accuracy,cost\n01,0.5,1\n01,0.5,2\n", '"01" is there twice'],
])("the table %j is refused, and it is said why", (text, message) => {
  expect(() => tableOf(text)).toThrow(message);
});

test("shares among percentages are told", () => {
  const { notes } = tableOf("notation,accuracy,cost\n01,0.9,1\n10,92,2\n11,0,3\n00,93,4\n");
  expect(notes).toEqual([
    "networks named by notation, accuracy as accuracy, cost as cost",
    "1 of 4 entries have an accuracy of 1 % or less: all are read as percentages",
  ]);
});

test("whatever a table holds, no score is NaN or infinite", () => {
  const anyRow = fc.record({
    key: fc.stringMatching(/^[01]{3}$/),
    accuracy: fc.oneof(fc.constant(""), fc.constantFrom("0", "0.5", "0.9", "1")),
    cost: fc.oneof(fc.constant(""), fc.constantFrom("1", "2", "1e9")),
    flops: fc.constantFrom("", "1", "3"),
  });
  const anyTable = fc.uniqueArray(anyRow, { minLength: 1, maxLength: 8, selector: ({ key }) => key });
  fc.assert(
    fc.property(anyTable, fc.constantFrom("accuracy", "reward", "front"), (rows, goal) => {
      fc.pre(rows.some(({ accuracy, cost }) => accuracy !== "" && cost !== ""));
      const table = tableOf(
        `notation,accuracy,latencyMs,flops\n${rows.map((row) => Object.values(row).join()).join("\n")}`,
      );
      const runs = [0].map((seed) => replay(table, { ...options, goal, target: 1.5, samples: 24, seed }));
      const numbers = JSON.stringify(summarizeScores(runs), (_, value: unknown) =>
        typeof value === "number" && !Number.isFinite(value) ? "not finite" : value,
      );
      expect(numbers).not.toContain("not finite");
    }),
    { numRuns: 30 },
  );
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
  const empty = await mnas([...args, "--reference", "99%,1"], folder.dir);
  expect([empty.code, empty.stdout]).toEqual([2, ""]);
  expect(empty.stderr).toMatch(
    /its front encloses nothing above 99\.00 % and below a flops of 1\n.*Give a --reference below/s,
  );
});
