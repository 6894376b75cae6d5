/** A trial of the search as the report shows it. */
export interface ReportTrial {
  readonly number: number;
  readonly state: "waiting" | "running" | "complete" | "stopped" | "pruned" | "failed";
  readonly notation: string;
  /** Share of the validation images that are classified right, 0..1. */
  readonly accuracy: number | null;
  /** One standard error of it, by the number of validation images; null where that is not known. */
  readonly accuracyError: number | null;
  readonly latencyMs: number | null;
  /** The device was not as fast or as steady as it can be whenever it was measured; the latency may be too high. */
  readonly isUnstable: boolean;
  readonly reward: number | null;
  readonly params: number;
  readonly madds: number;
  /** Why it was stopped, pruned or failed. */
  readonly reason: string | null;
  /** The trial whose result this one reuses. */
  readonly source: number | null;
}

/** A network that was trained long: a finalist of the search, or a reference network it is compared with. */
export interface ReportFinal extends ReportTrial {
  readonly name: string;
  readonly isReference: boolean;
  /** What was predicted of it before it was measured; null when nothing was. */
  readonly predictedMs: number | null;
  /** Share of the test images that are classified right, 0..1. */
  readonly testAccuracy: number | null;
  /** Standard deviation of it between trainings; null for a single one. */
  readonly testDeviation: number | null;
  /** One standard error of `testAccuracy`, of trainings and of test images. */
  readonly testError: number | null;
  /** Its trainings. */
  readonly seeds: readonly { readonly seed: number; readonly testAccuracy: number | null }[];
  /** The exported ONNX model, relative to the report. */
  readonly model: string | null;
}

/** Whether a value is what it says, or the true one is at least or at most that. */
export type Bound = "exact" | "atLeast" | "atMost";

/** How many times as long a family of baselines takes at the same accuracy as a network. */
export interface Speedup {
  readonly ratio: number;
  readonly bound: Bound;
  /** Ends of the 95 % interval that the differences between trainings leave; null where there is no end, or no interval. */
  readonly low: number | null;
  readonly high: number | null;
  /** Whether there is an interval: it takes two trainings of a network to know how much they differ. */
  readonly hasInterval: boolean;
}

/** A finalist beside the baseline that takes most nearly as long, and beside all baselines at its accuracy. */
export interface Comparison {
  readonly finalist: string;
  readonly baseline: string;
  /** Mean test accuracy of the finalist over so many trainings. */
  readonly accuracy: number;
  readonly trainings: number;
  /** Difference of mean test accuracies, positive where the finalist is better, with its 95 % interval by Welch's t-test. */
  readonly gain: number;
  readonly low: number | null;
  readonly high: number | null;
  /** Whether `gain` is larger than differences between trainings explain; null where each was trained once. */
  readonly isClear: boolean | null;
  /** Standard error of `gain` that other test images bring, if the two erred independently. */
  readonly imagesError: number;
  /** Latency of the finalist / that of the baseline. */
  readonly time: number;
  /** `baselines` are the names of those that were trained, fastest first. */
  readonly speedup: Speedup & { readonly baselines: readonly string[] };
}

/** Everything the report shows of one search. */
export interface ReportData {
  readonly title: string;
  /** ISO 8601. */
  readonly created: string;
  readonly dataset: string;
  readonly device: string;
  /** Latency is computed from multiply-adds; it is labelled a proxy wherever it shows. */
  readonly isProxy: boolean;
  /** How well the short training of the trials ranks networks; null where nobody validated it. */
  readonly proxy: {
    readonly kendall: number;
    readonly low: number;
    readonly high: number;
    readonly networks: number;
    readonly seedNoise: number;
    readonly epochs: number;
    readonly recommended: number;
  } | null;
  /** Latencies of trials are predicted from earlier measurements of the device, by a table or a predictor. */
  readonly isPredicted: boolean;
  readonly space: string;
  readonly searcher: string;
  readonly targetMs: number;
  /** Where the target comes from, for people. */
  readonly targetSource: string;
  /** Networks slower than this were not trained. */
  readonly gateMs: number;
  readonly trials: readonly ReportTrial[];
  /** Sentences on what was found amiss with the long trainings, without a capital or a period. */
  readonly warnings?: readonly string[];
  /** Numbers of the trials on the front. */
  readonly front: readonly number[];
  readonly finals: readonly ReportFinal[];
  readonly comparisons: readonly Comparison[];
  /** JSON. Its `trials`, `finalists` and `seed`, where they are numbers, tell how much was planned. */
  readonly config: unknown;
  /** JSON. */
  readonly environment: unknown;
}

/** A trial with a place on the plot. */
export type TrainedTrial = ReportTrial & { readonly accuracy: number; readonly latencyMs: number };

const isTrained = (trial: ReportTrial): trial is TrainedTrial =>
  trial.state === "complete" && trial.accuracy !== null && trial.latencyMs !== null;

/** The trials that were trained themselves; what reuses their results lies on the same points. */
export const trainedOf = ({ trials }: ReportData): TrainedTrial[] =>
  trials.filter(isTrained).filter(({ source }) => source === null);

/** A finalist or reference with a place on the plot. */
export type TrainedFinal = ReportFinal & { readonly accuracy: number; readonly latencyMs: number };

/** The finalists and references whose long training is over. */
export const trainedFinalsOf = ({ finals }: ReportData): TrainedFinal[] =>
  finals.filter((final): final is TrainedFinal => isTrained(final));

/** The trials of the front, fastest first. */
export function frontOf({ trials, front }: ReportData): TrainedTrial[] {
  const numbers = new Set(front);
  return trials
    .filter(isTrained)
    .filter(({ number }) => numbers.has(number))
    .sort((a, b) => a.latencyMs - b.latencyMs);
}

/** Trials by descending reward; of equals the earlier first. */
export const byReward = <T extends ReportTrial>(trials: readonly T[]): T[] =>
  trials.toSorted((a, b) => (b.reward ?? -Infinity) - (a.reward ?? -Infinity) || a.number - b.number);

/** A number of the configuration, or null when it has none of that name. */
export function configNumber({ config }: ReportData, key: "trials" | "finalists" | "seed"): number | null {
  const value = typeof config === "object" && config !== null ? (config as Record<string, unknown>)[key] : null;
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** How the trials ended. Every trial is counted once. */
export interface Tally {
  readonly planned: number;
  readonly proposed: number;
  readonly trained: number;
  readonly stopped: number;
  readonly gated: number;
  readonly failed: number;
  /** Reuse the result of an earlier trial of the same network. */
  readonly seen: number;
  /** Neither ended nor given up. */
  readonly open: number;
}

export function tallyOf(data: ReportData): Tally {
  const { trials } = data;
  const fresh = trials.filter(({ source }) => source === null);
  const count = (...states: ReportTrial["state"][]): number =>
    fresh.filter(({ state }) => states.includes(state)).length;
  return {
    planned: Math.max(trials.length, configNumber(data, "trials") ?? 0),
    proposed: trials.length,
    trained: count("complete"),
    stopped: count("stopped"),
    gated: count("pruned"),
    failed: count("failed"),
    seen: trials.length - fresh.length,
    open: count("waiting", "running"),
  };
}
