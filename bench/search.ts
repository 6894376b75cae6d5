/*
 * Replays the searchers on a tabular benchmark: every network of a small space, trained beforehand, so that a search of
 * hundreds of trials takes a second and can be repeated over seeds.
 *
 *   node bench/search.ts nas-bench-macro.json [--seeds 50] [--batch 8] [--sees mean|first] [ppo evolution random]
 *
 * The file is that of NAS-Bench-Macro (https://github.com/xiusu/NAS-Bench-Macro): 8 layers with 3 choices each, CIFAR-10,
 * three training seeds. A search sees the accuracy of the first training seed, or the mean of the three; it hands back
 * the best that it saw; that is scored by the mean. Rows: accuracy in % (mean over seeds ± standard error) and the share
 * of proposals that were new, after 32, 100 and 200 trials.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { createSearcher, searcherNames, type Observation, type SearcherName } from "../src/search/searchers.ts";
import { oneOf } from "../src/space/choice.ts";
import { defineSpace, type Genotype } from "../src/space/space.ts";

const budgets = [32, 100, 200];

interface Entry {
  /** Per cent, of three training seeds. */
  readonly test_acc: readonly number[];
  readonly mean_acc: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "50" },
    batch: { type: "string", default: "8" },
    sees: { type: "string", default: "mean" },
  },
});
const [file, ...names] = positionals;
if (file === undefined) throw new Error("Cannot replay: give the JSON file of NAS-Bench-Macro");

const table = new Map(Object.entries(JSON.parse(readFileSync(file, "utf8")) as Record<string, Entry>));
const space = defineSpace("nas-bench-macro", { layers: Array.from({ length: 8 }, () => oneOf("layer", [0, 1, 2])) });
const entryOf = (genotype: Genotype): Entry => table.get(genotype.join(""))!;
const seenOf = ({ test_acc, mean_acc }: Entry): number => (values.sees === "first" ? test_acc[0]! : mean_acc) / 100;

function search(name: SearcherName, seed: number, batch: number): Observation[] {
  const searcher = createSearcher(name, space, { seed, batch });
  const done: Observation[] = [];
  while (done.length < Math.max(...budgets)) {
    const asked = Array.from({ length: batch }, (_, i) => searcher.ask(done.length + i));
    for (const genotype of asked) {
      const observation = { number: done.length, genotype, reward: seenOf(entryOf(genotype)) };
      searcher.tell(observation);
      done.push(observation);
    }
  }
  return done;
}

const pickOf = (done: readonly Observation[]): number =>
  entryOf(done.reduce((best, each) => (each.reward > best.reward ? each : best)).genotype).mean_acc;
const meanOf = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
const deviationOf = (numbers: readonly number[]): number => {
  const mean = meanOf(numbers);
  return Math.sqrt(numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (numbers.length - 1));
};

console.log(`${values.seeds} seeds, batches of ${values.batch}, the search sees the accuracy of: ${values.sees}`);
for (const name of names.length === 0 ? searcherNames : (names as SearcherName[])) {
  const start = performance.now();
  const runs = Array.from({ length: Number(values.seeds) }, (_, seed) => search(name, seed, Number(values.batch)));
  const seconds = (performance.now() - start) / 1000 / runs.length;
  const cells = budgets.map((budget) => {
    const scores = runs.map((run) => pickOf(run.slice(0, budget)));
    const distinct = runs.map(
      (run) => new Set(run.slice(0, budget).map(({ genotype }) => genotype.join(""))).size / budget,
    );
    const error = deviationOf(scores) / Math.sqrt(scores.length);
    return `${budget}: ${meanOf(scores).toFixed(3)} ± ${error.toFixed(3)}, ${(100 * meanOf(distinct)).toFixed(0)} % new`;
  });
  console.log(`${name.padEnd(10)} ${cells.join("   ")}   ${seconds.toFixed(2)} s a search`);
}
