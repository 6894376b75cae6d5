import { rewardOf, type Reward } from "../reward/reward.ts";
import { hypervolume, paretoFront } from "../reward/pareto.ts";
import { expectedAccuracies } from "../search/expectation.ts";
import type { Objective, Observation } from "../search/searcher.ts";
import { createSearcher, type SearcherName } from "../search/searchers.ts";
import type { Genotype } from "../space/space.ts";
import { createRng } from "../util/rng.ts";
import type { ResultTable, TableEntry } from "./table.ts";

/** What a replayed search is after. */
export type Goal = "accuracy" | "reward" | "front";

export interface ReplayOptions {
  readonly searcher: SearcherName;
  readonly goal: Goal;
  readonly reward: Reward;
  /** In the unit of the table's cost. */
  readonly target: number;
  readonly samples: number;
  readonly batch: number;
  /** Trainings that go on at the same time, for the clock. */
  readonly workers: number;
  /** Corner of the hypervolume: accuracy 0..1 and cost. */
  readonly reference: { readonly accuracy: number; readonly cost: number };
  readonly seed: number;
}

/** A search after some of its samples, scored by the means of the table, which it did not see. */
export interface Score {
  readonly samples: number;
  /** Mean accuracy over seeds of the network that the search would hand back, 0..1. */
  readonly accuracy: number;
  readonly reward: number;
  /** Cost of that network / target - 1. */
  readonly distance: number;
  /** 1 when that network is within the target. */
  readonly within: number;
  /** Share of the hypervolume of the table's true front. */
  readonly hypervolume: number;
  /** Share of the samples that were networks not proposed before. */
  readonly distinct: number;
  /** Time on the simulated clock, in trainings of one network. */
  readonly time: number;
}

const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

interface Seen {
  readonly genotype: Genotype;
  readonly entry: TableEntry;
  /** Of one of the seeds: a search trains a network once. */
  readonly accuracy: number;
}

/** Marks at which a search is scored. */
const marksOf = (samples: number): number[] =>
  [50, 100, 200, 300, 500, 1000, 2000, 5000].filter((mark) => mark < samples).concat(samples);

/** A search against a table, scored at each mark. Deterministic: the seed decides the searcher and what it sees. */
export function replay(table: ResultTable, options: ReplayOptions): Score[] {
  const { goal, target, samples, batch, seed, reference, workers } = options;
  const rng = createRng(seed).fork("table");
  const describe = (genotype: Genotype) => {
    const entry = table.entryOf(genotype);
    return { key: entry?.key ?? genotype.join(), costs: entry?.costs ?? [...table.entries.values()][0]!.costs };
  };
  const rewarded = (accuracy: number, cost: number): number =>
    goal === "accuracy"
      ? accuracy
      : rewardOf({ accuracy, latencyMs: cost, params: 0, madds: 0 }, options.reward, target);
  const objective: Objective =
    goal === "front"
      ? { kind: "front" }
      : { kind: "reward", rewardOf: (_, { accuracy, latencyMs }) => rewarded(accuracy, latencyMs) };
  const searcher = createSearcher(options.searcher, table.space, { seed, batch, objective, describe });
  const seen = new Map<string, Seen>();
  const marks = new Set(marksOf(samples));
  const scores: Score[] = [];
  let time = 0;

  for (let start = 0; start < samples; start += batch) {
    const asked = Array.from({ length: Math.min(batch, samples - start) }, (_, i) => searcher.ask(start + i));
    let trained = 0;
    asked.forEach((genotype, i) => {
      const number = start + i;
      const entry = table.entryOf(genotype);
      if (entry !== null && !seen.has(entry.key)) {
        seen.set(entry.key, { genotype, entry, accuracy: rng.pick(entry.accuracies) });
        trained++;
      }
      const known = entry === null ? undefined : seen.get(entry.key);
      // What the table lacks is a network that cannot be trained.
      const observation: Observation =
        known === undefined
          ? { number, genotype, reward: 0, accuracy: null, latencyMs: null }
          : {
              number,
              genotype,
              reward: rewarded(known.accuracy, known.entry.cost),
              accuracy: known.accuracy,
              latencyMs: known.entry.cost,
            };
      searcher.tell(observation);
      if (marks.has(number + 1)) scores.push(score(number + 1, time + Math.ceil(trained / workers)));
    });
    time += Math.ceil(trained / workers);
  }
  return scores;

  function score(count: number, now: number): Score {
    const all = [...seen.values()];
    if (all.length === 0)
      return { samples: count, accuracy: 0, reward: 0, distance: 0, within: 0, hypervolume: 0, distinct: 0, time: now };
    const expected = expectedAccuracies(table.space, describe, all);
    const ranked = all.map((one, i) => ({ ...one, expected: rewarded(expected[i]!, one.entry.cost) }));
    const isWithin = ({ entry }: Seen): boolean => goal !== "reward" || entry.cost <= target;
    const feasible = ranked.filter(isWithin);
    const pick = (feasible.length > 0 ? feasible : ranked).reduce((a, b) => (b.expected > a.expected ? b : a));
    const [accuracy, { cost }] = [meanOf(pick.entry.accuracies), pick.entry];
    const front = paretoFront(all.map((one) => ({ ...one, latencyMs: one.entry.cost })));
    return {
      samples: count,
      accuracy,
      reward: rewarded(accuracy, cost),
      distance: cost / target - 1,
      within: cost <= target ? 1 : 0,
      hypervolume:
        volumeOf(
          front.map(({ entry }) => entry),
          reference,
        ) / trueVolume(table, reference),
      distinct: all.length / count,
      time: now,
    };
  }
}

const volumeOf = (entries: Iterable<TableEntry>, { accuracy, cost }: ReplayOptions["reference"]): number =>
  hypervolume(
    Array.from(entries, (entry) => ({ accuracy: meanOf(entry.accuracies), latencyMs: entry.cost })),
    { accuracy, latencyMs: cost },
  );

const volumes = new WeakMap<ResultTable, Map<string, number>>();

function trueVolume(table: ResultTable, reference: ReplayOptions["reference"]): number {
  const known = volumes.get(table) ?? new Map<string, number>();
  volumes.set(table, known);
  const key = JSON.stringify(reference);
  const value = known.get(key) ?? volumeOf(table.entries.values(), reference);
  known.set(key, value);
  return value;
}
