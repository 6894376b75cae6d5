import { distinctOf, type Known, type Sample } from "../../src/replay/play.ts";
import { hypervolumeShare, meanAccuracy, pickOf } from "../../src/replay/replay.ts";
import type { ResultTable } from "../../src/replay/table.ts";
import type { Order, Row } from "./rows.ts";

/** Samples after which a search is scored. */
export const marks = { accuracy: [100, 200], front: [200, 500, 1000] } as const;

/** A search after some of its samples; shares 0..1. */
export interface Score {
  /** Mean of the training seeds of the network of the highest result. */
  readonly plain: number;
  /** The same of the network that is expected to be best. */
  readonly smoothed: number;
  /** Share of the true front's. */
  readonly hypervolume: number;
  /** Share of samples that were new networks. */
  readonly distinct: number;
}

/** 80 % and the largest network of NAS-Bench-Macro, in FLOPs. */
const corner = { accuracy: 0.8, cost: 105.7e6 };

/** The network of the highest result of its own. */
export const luckiest = (seen: readonly Known[], rewardOf: (known: Known) => number): Known =>
  seen.reduce((a, b) => (rewardOf(b) > rewardOf(a) ? b : a));

/** Scores a search at each mark of its goal. */
export function scores(table: ResultTable, { goal }: Order, { isOurs }: Row, run: readonly Sample[]): Score[] {
  return marks[goal].map((mark) => {
    const seen = distinctOf(run.slice(0, mark));
    const isPicked = goal === "accuracy";
    const accuracyOf = (pick: () => Known, isKnown: boolean): number =>
      isKnown ? meanAccuracy(pick().entry) : Number.NaN;
    return {
      plain: accuracyOf(() => luckiest(seen, ({ accuracy }) => accuracy), isPicked),
      smoothed: accuracyOf(
        () => pickOf(table, seen, { goal: "accuracy", reward: { kind: "hard" }, target: 1 }),
        isPicked && isOurs,
      ),
      hypervolume: hypervolumeShare(table, seen, corner) ?? Number.NaN,
      distinct: seen.length / mark,
    };
  });
}
