/*
 * Whether searches end within their target, in a table of known results: `node bench/search/targets.ts nas-bench-macro.json`.
 *
 *   --seeds 50                       searches of each target
 *   --targets 30e6,45e6,55e6         in the unit of the table's cost
 *   --rewards hard,soft,absolute     kinds of src/reward
 *   --samples 300                    networks of a search
 *   --json                           prints JSON; the table goes to standard error
 *
 * The searcher is the default one. The gap is between the best network of the table within the target and the one that
 * is handed back, by the means over training seeds, in points.
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { distinctOf, play, rewardedBy, type Known, type Wanted } from "../../src/replay/play.ts";
import { meanAccuracy, pickOf } from "../../src/replay/replay.ts";
import { readTable } from "../../src/replay/table.ts";
import type { RewardConfig } from "../../src/reward/reward.ts";
import { createSearcher, searcherNames } from "../../src/search/searchers.ts";
import { version } from "../../src/version.ts";
import { luckiest } from "./score.ts";
import { estimate, share, tableText } from "./text.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "50" },
    targets: { type: "string", default: "30e6,45e6,55e6,70e6,85e6" },
    rewards: { type: "string", default: "hard,soft,absolute" },
    samples: { type: "string", default: "300" },
    json: { type: "boolean" },
  },
});
const [file] = positionals;
if (file === undefined) throw new Error("Cannot search: give the JSON file of NAS-Bench-Macro");
const [seeds, samples] = [Number(values.seeds), Number(values.samples)];
const say = (text: string): void => (values.json === true ? console.error(text) : console.log(text));

const table = readTable(file);
const [searcher] = searcherNames;
const entries = [...table.entries.values()];
const bestWithin = (target: number): number =>
  Math.max(...entries.filter(({ cost }) => cost <= target).map(meanAccuracy));

type Pick = (seen: readonly Known[], wanted: Wanted) => Known;
const feasibleFirst: Pick = (seen, wanted) => pickOf(table, seen, wanted);
const highestReward: Pick = (seen, wanted) => {
  const rewarded = rewardedBy(wanted);
  return luckiest(seen, ({ accuracy, entry }) => rewarded(accuracy, entry.cost));
};

/** What is handed back of one and the same search. */
const picks: Readonly<Record<string, Pick>> = { "feasible first": feasibleFirst, "highest reward": highestReward };

interface Outcome {
  readonly isWithin: boolean;
  /** Of accuracy, 0..1; below zero where the target is broken for it. */
  readonly gap: number;
  /** Of the target. */
  readonly cost: number;
}

function outcomesOf(kind: RewardConfig["kind"], target: number, seed: number) {
  const wanted: Wanted = { goal: "reward", reward: { kind }, target };
  const options = { ...wanted, samples, batch: 8, seed };
  const seen = distinctOf(
    play(table, { ...options, searcher: (space, settings) => createSearcher(searcher, space, settings) }),
  );
  return Object.entries(picks).map(([pick, pickFrom]): [string, Outcome] => {
    const { entry } = pickFrom(seen, wanted);
    const gap = bestWithin(target) - meanAccuracy(entry);
    return [pick, { isWithin: entry.cost <= target, gap, cost: entry.cost / target }];
  });
}

interface Result {
  readonly reward: string;
  readonly pick: string;
  readonly target: number;
  readonly within: number;
  readonly gap: ReturnType<typeof estimate>;
  readonly cost: ReturnType<typeof estimate>;
}

const results: Result[] = [];
const targets = values.targets.split(",").map(Number);
for (const reward of values.rewards.split(",") as RewardConfig["kind"][]) {
  for (const target of targets) {
    const runs = Array.from({ length: seeds }, (_, seed) => Object.fromEntries(outcomesOf(reward, target, seed)));
    for (const pick of Object.keys(picks)) {
      const outcomes = runs.map((run) => run[pick]!);
      results.push({
        reward,
        pick,
        target,
        within: estimate(outcomes.map(({ isWithin }) => (isWithin ? 1 : 0))).mean,
        gap: estimate(outcomes.map(({ gap }) => gap)),
        cost: estimate(outcomes.map(({ cost }) => cost)),
      });
    }
    console.error(`${reward}, ${target}: done`);
  }
}

const cells = results.map(({ reward, pick, target, within, gap, cost }) => [
  reward,
  pick,
  `${target / 1e6}`,
  `${(100 * within).toFixed(0)} %`,
  share(gap, 3),
  cost.mean.toFixed(3),
]);
const cpu = cpus()[0]!.model.trim();
const versions = { mnas: version, node: process.version };
say(`${cpu}, Node ${versions.node}; ${searcher}, ${samples} samples, ${seeds} seeds; targets in millions\n`);
say(tableText(["reward", "pick", "T", "within T", "gap, points", "cost / T"], cells));
if (values.json === true) console.log(JSON.stringify({ cpu, versions, searcher, samples, seeds, results }, null, 2));
