import { rewardOf, type Reward } from "../reward/reward.ts";
import type { Objective, Observation, Searcher, SearcherOptions } from "../search/searcher.ts";
import type { Genotype, SearchSpace } from "../space/space.ts";
import { createRng } from "../util/rng.ts";
import type { ResultTable, TableEntry } from "./table.ts";

/** What a replayed search is after. */
export type Goal = "accuracy" | "reward" | "front";

/** How a network is rewarded: by its accuracy where that is the goal. */
export interface Wanted {
  readonly goal: Goal;
  readonly reward: Reward;
  /** In the unit of the table's cost. */
  readonly target: number;
}

export interface PlayOptions extends Wanted {
  readonly searcher: (space: SearchSpace, options: SearcherOptions) => Searcher;
  readonly samples: number;
  readonly batch: number;
  readonly seed: number;
}

/** A network that was proposed and is in the table. */
export interface Known {
  readonly genotype: Genotype;
  readonly entry: TableEntry;
  /** Of one of the seeds: a search trains a network once. */
  readonly accuracy: number;
}

/** One sample; `known` is null for what the table lacks, a network that cannot be trained. */
export interface Sample {
  readonly known: Known | null;
  /** Not proposed before, so it has to be trained. */
  readonly isNew: boolean;
}

/** Reward of an accuracy and a cost. */
export const rewardedBy =
  ({ goal, reward, target }: Wanted) =>
  (accuracy: number, cost: number): number =>
    goal === "accuracy" ? accuracy : rewardOf({ accuracy, latencyMs: cost, params: 0, madds: 0 }, reward, target);

/** What a searcher may know of the networks of a table. */
export const describeIn =
  (table: ResultTable): NonNullable<SearcherOptions["describe"]> =>
  (genotype) => {
    const entry = table.entryOf(genotype);
    return { key: entry?.key ?? genotype.join(), costs: entry?.costs ?? [...table.entries.values()][0]!.costs };
  };

/**
 * The samples of a search against a table. A network that is proposed again has the result it had. Deterministic: the seed
 * decides the searcher and what it sees.
 */
export function play(table: ResultTable, options: PlayOptions): Sample[] {
  const { goal, samples, batch, seed } = options;
  const rng = createRng(seed).fork("table");
  const rewarded = rewardedBy(options);
  const objective: Objective =
    goal === "front"
      ? { kind: "front" }
      : { kind: "reward", rewardOf: (_, { accuracy, latencyMs }) => rewarded(accuracy, latencyMs) };
  const searcher = options.searcher(table.space, {
    seed,
    batch,
    objective,
    describe: describeIn(table),
    targetMs: goal === "reward" ? options.target : undefined,
  });
  const seen = new Map<string, Known>();
  const played: Sample[] = [];

  const sampleOf = (genotype: Genotype): Sample => {
    const entry = table.entryOf(genotype);
    if (entry === null) return { known: null, isNew: false };
    const before = seen.get(entry.key);
    if (before !== undefined) return { known: before, isNew: false };
    const known = { genotype, entry, accuracy: rng.pick(entry.accuracies) };
    seen.set(entry.key, known);
    return { known, isNew: true };
  };

  for (let start = 0; start < samples; start += batch) {
    const asked = Array.from({ length: Math.min(batch, samples - start) }, (_, i) => searcher.ask(start + i));
    asked.forEach((genotype, i) => {
      const sample = sampleOf(genotype);
      played.push(sample);
      searcher.tell(observationOf(start + i, genotype, sample.known));
    });
  }
  return played;

  function observationOf(number: number, genotype: Genotype, known: Known | null): Observation {
    if (known === null) return { number, genotype, reward: 0, accuracy: null, latencyMs: null };
    const { accuracy, entry } = known;
    return { number, genotype, reward: rewarded(accuracy, entry.cost), accuracy, latencyMs: entry.cost };
  }
}

/** The distinct networks of some samples, in the order in which they were proposed. */
export const distinctOf = (samples: readonly Sample[]): Known[] =>
  samples.flatMap(({ known, isNew }) => (isNew && known !== null ? [known] : []));
