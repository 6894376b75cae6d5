import { hypervolume, paretoFront } from "../reward/pareto.ts";
import { expectedAccuracies } from "../search/expectation.ts";
import { createSearcher, type SearcherName } from "../search/searchers.ts";
import { describeIn, distinctOf, play, rewardedBy, type Known, type Sample, type Wanted } from "./play.ts";
import { mean } from "../util/welch.ts";
import type { ResultTable, TableEntry } from "./table.ts";

/** Corner of a hypervolume: accuracy 0..1 and cost. */
export interface Corner {
  readonly accuracy: number;
  readonly cost: number;
}

export interface ReplayOptions extends Wanted {
  readonly searcher: SearcherName;
  readonly samples: number;
  readonly batch: number;
  /** Trainings that go on at the same time, for the clock. */
  readonly workers: number;
  readonly reference: Corner;
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
  /** Share of the hypervolume of the table's true front; null where that front encloses nothing. */
  readonly hypervolume: number | null;
  /** Share of the samples that were networks not proposed before. */
  readonly distinct: number;
  /** Time on the simulated clock, in trainings of one network. */
  readonly time: number;
}

/** What a network's accuracy is taken to be in truth. */
export const meanAccuracy = ({ accuracies }: TableEntry): number => mean(accuracies);

/** Marks at which a search is scored. */
const marksOf = (samples: number): number[] =>
  [50, 100, 200, 300, 500, 1000, 2000, 5000].filter((mark) => mark < samples).concat(samples);

/**
 * The network that a search hands back: of those within the target, if there are any, the one that is expected to have
 * the highest reward.
 */
export function pickOf(table: ResultTable, seen: readonly Known[], wanted: Wanted): Known {
  const rewarded = rewardedBy(wanted);
  const expected = expectedAccuracies(table.space, describeIn(table), seen);
  const ranked = seen.map((known, i) => ({ known, reward: rewarded(expected[i]!, known.entry.cost) }));
  const feasible = ranked.filter(({ known }) => wanted.goal !== "reward" || known.entry.cost <= wanted.target);
  return (feasible.length > 0 ? feasible : ranked).reduce((a, b) => (b.reward > a.reward ? b : a)).known;
}

/**
 * Share of the hypervolume of the table's true front that the front of what was seen has in truth; null where the true
 * front encloses nothing.
 */
export function hypervolumeShare(table: ResultTable, seen: readonly Known[], reference: Corner): number | null {
  const whole = trueVolume(table, reference);
  if (whole === 0) return null;
  const front = paretoFront(seen.map((known) => ({ ...known, latencyMs: known.entry.cost })));
  const entries = front.map(({ entry }) => entry);
  return volumeOf(entries, reference) / whole;
}

/** A search against a table, scored at each mark. Deterministic: the seed decides the searcher and what it sees. */
export function replay(table: ResultTable, options: ReplayOptions): Score[] {
  const samples = play(table, {
    ...options,
    searcher: (space, settings) => createSearcher(options.searcher, space, settings),
  });
  return marksOf(options.samples).map((mark) => score(table, samples.slice(0, mark), options));
}

function score(table: ResultTable, samples: readonly Sample[], options: ReplayOptions): Score {
  const { target, batch, workers, reference } = options;
  const seen = distinctOf(samples);
  let time = 0;
  for (let start = 0; start < samples.length; start += batch)
    time += Math.ceil(distinctOf(samples.slice(start, start + batch)).length / workers);
  if (seen.length === 0)
    return {
      samples: samples.length,
      accuracy: 0,
      reward: 0,
      distance: 0,
      within: 0,
      hypervolume: 0,
      distinct: 0,
      time,
    };
  const { entry } = pickOf(table, seen, options);
  const accuracy = meanAccuracy(entry);
  return {
    samples: samples.length,
    accuracy,
    reward: rewardedBy(options)(accuracy, entry.cost),
    distance: entry.cost / target - 1,
    within: entry.cost <= target ? 1 : 0,
    hypervolume: hypervolumeShare(table, seen, reference),
    distinct: seen.length / samples.length,
    time,
  };
}

const volumeOf = (entries: Iterable<TableEntry>, { accuracy, cost }: Corner): number =>
  hypervolume(
    Array.from(entries, (entry) => ({ accuracy: meanAccuracy(entry), latencyMs: entry.cost })),
    { accuracy, latencyMs: cost },
  );

const volumes = new WeakMap<ResultTable, Map<string, number>>();

/** Hypervolume of the table's true front. */
export function trueVolume(table: ResultTable, reference: Corner): number {
  const known = volumes.get(table) ?? new Map<string, number>();
  volumes.set(table, known);
  const key = JSON.stringify(reference);
  const value = known.get(key) ?? volumeOf(table.entries.values(), reference);
  known.set(key, value);
  return value;
}
