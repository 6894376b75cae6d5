import { median } from "../device/statistics.ts";
import type { Goal } from "../replay/play.ts";
import { meanAccuracy, replay as replayOnce, trueVolume, type Corner } from "../replay/replay.ts";
import { summarizeScores, type Estimate, type Summary } from "../replay/summary.ts";
import { readTable, type ResultTable } from "../replay/table.ts";
import { curveSvg } from "../report/curve-plot.ts";
import type { RewardConfig } from "../reward/reward.ts";
import type { SearcherName } from "../search/searchers.ts";
import { dash, percent, percentWithError } from "../report/text.ts";
import { MnasError } from "../errors.ts";
import { writeFileAtomically } from "../util/files.ts";
import { print, printJson, say, table as tableText } from "./output.ts";

export interface ReplayCliOptions {
  readonly table: string;
  readonly objective: Goal;
  readonly searcher: SearcherName;
  readonly reward: RewardConfig["kind"];
  readonly target?: number;
  readonly samples: number;
  readonly seeds: number;
  readonly seed: number;
  readonly batch: number;
  readonly workers: number;
  readonly reference?: Corner;
  readonly out?: string;
  readonly json?: boolean;
}

const medianCost = ({ entries }: ResultTable): number => median([...entries.values()].map(({ cost }) => cost));

const worstCorner = ({ entries }: ResultTable): Corner => ({
  accuracy: Math.min(...[...entries.values()].flatMap(({ accuracies }) => accuracies)),
  cost: Math.max(...[...entries.values()].map(({ cost }) => cost)),
});

const share = (estimate: Estimate | null): string =>
  estimate === null ? dash : percentWithError(estimate.mean, estimate.stderr);

const rowOf = (summary: Summary): string[] => [
  String(summary.samples),
  share(summary.accuracy),
  summary.reward.mean.toFixed(4),
  share(summary.distance),
  `${(100 * summary.within.mean).toFixed(0)} %`,
  share(summary.hypervolume),
  `${(100 * summary.distinct.mean).toFixed(0)} %`,
  summary.time.mean.toFixed(0),
];

/** A front that encloses nothing cannot be compared with. */
function checkCorner(known: ResultTable, reference: Corner, goal: Goal, isGiven: boolean): void {
  if (trueVolume(known, reference) > 0 || (goal !== "front" && !isGiven)) return;
  const best = Math.max(...[...known.entries.values()].map(meanAccuracy));
  const least = Math.min(...[...known.entries.values()].map(({ cost }) => cost));
  throw new MnasError(
    "USAGE",
    `Cannot replay "${known.space.name}": its front encloses nothing above ${percent(reference.accuracy)} and below a ${known.costName} of ${reference.cost}`,
    {
      hint: isGiven
        ? `Give a --reference below ${percent(best)} and above ${least}.`
        : "Use another --objective: its networks are all as accurate, or all as costly.",
    },
  );
}

/** `mnas replay --table FILE` */
export async function replay(options: ReplayCliOptions): Promise<void> {
  const { objective: goal, searcher, samples, seeds, seed, batch, workers, out } = options;
  const known = readTable(options.table);
  const { target = medianCost(known), reference = worstCorner(known) } = options;
  checkCorner(known, reference, goal, options.reference !== undefined);
  const settings = { searcher, goal, reward: { kind: options.reward }, target, samples, batch, workers, reference };
  if (options.json !== true) {
    say(
      `${known.entries.size} networks of ${known.space.decisions.length} decisions; ${known.costName} target ${target}`,
    );
    known.notes.forEach(say);
  }
  const began = performance.now();
  const runs = Array.from({ length: seeds }, (_, i) => replayOnce(known, { ...settings, seed: seed + i }));
  const seconds = (performance.now() - began) / 1000;
  const bySamples = summarizeScores(runs);
  const { notes } = known;
  const result = {
    table: options.table,
    notes,
    options: settings,
    seeds,
    seed,
    ...bySamples.at(-1)!,
    bySamples,
    seconds,
  };
  if (out !== undefined) {
    writeFileAtomically(`${out}.json`, JSON.stringify(result, null, 2));
    const title = `${searcher} on ${known.entries.size} known networks, ${seeds} seeds`;
    const axis = goal === "front" ? "Share of the true front's hypervolume" : "Accuracy of the pick, mean over seeds";
    writeFileAtomically(
      `${out}.svg`,
      curveSvg(
        title,
        axis,
        bySamples.map((one) => ({ samples: one.samples, ...(goal === "front" ? one.hypervolume! : one.accuracy) })),
      ),
    );
  }
  if (options.json === true) return printJson(result);
  print(
    tableText(
      ["samples", "accuracy", "reward", "cost - target", "within", "hypervolume", "distinct", "time"],
      bySamples.map(rowOf),
    ),
  );
  say(
    `${Math.round((seeds * samples) / seconds)} trials a second${out === undefined ? "" : `; ${out}.json and ${out}.svg`}`,
  );
}
