import { byReward, configNumber, frontOf, tallyOf, type ReportData, type ReportFinal } from "./data.ts";
import { latencyName, listed, ms, percent, plural } from "./text.ts";

/** How the trials ended, in words. */
export function tallyText(data: ReportData): string {
  const { proposed, trained, gated, failed, seen, open } = tallyOf(data);
  const parts = [
    `${trained} trained`,
    gated > 0 ? `${gated} over the gate` : null,
    failed > 0 ? `${failed} failed` : null,
    seen > 0 ? `${seen} seen before` : null,
    open > 0 ? `${open} not finished` : null,
  ].filter((part) => part !== null);
  return `${plural(proposed, "trial")}: ${listed(parts)}`;
}

/** What is still to come, or null when the run is over. */
export function unfinishedText(data: ReportData): string | null {
  const { planned, proposed, open } = tallyOf(data);
  const ended = proposed - open;
  if (ended < planned) return `This search is not finished: ${ended} of ${plural(planned, "trial")} so far.`;
  const waiting = data.finals.filter(({ state }) => state === "waiting" || state === "running").length;
  if (waiting > 0)
    return `The search is over, but ${waiting} of ${plural(data.finals.length, "final network")} still train.`;
  const expected = configNumber(data, "finalists") ?? 0;
  if (data.finals.length === 0 && expected > 0 && frontOf(data).length > 0) {
    return "The search is over, but its finalists are not trained yet.";
  }
  return null;
}

type Tested = ReportFinal & { readonly latencyMs: number; readonly testAccuracy: number };

const isTested = (final: ReportFinal): final is Tested => final.testAccuracy !== null && final.latencyMs !== null;

/** A finalist beside the reference network that takes most nearly as long. */
export interface Comparison {
  readonly finalist: Tested;
  readonly reference: Tested;
  /** Difference of test accuracies, positive where the finalist is better. */
  readonly gain: number;
  /** Standard error of `gain`, as if the two had been tested on different images. */
  readonly error: number;
}

export function comparisonsOf({ finals }: ReportData): Comparison[] {
  const tested = finals.filter(isTested);
  const references = tested.filter(({ isReference }) => isReference);
  return tested
    .filter(({ isReference }) => !isReference)
    .flatMap((finalist) => {
      const distance = ({ latencyMs }: Tested): number => Math.abs(latencyMs - finalist.latencyMs);
      const reference = references.toSorted((a, b) => distance(a) - distance(b))[0];
      if (reference === undefined) return [];
      const [a, b] = [finalist.testError ?? 0, reference.testError ?? 0];
      const gain = finalist.testAccuracy - reference.testAccuracy;
      return [{ finalist, reference, gain, error: Math.sqrt(a * a + b * b) }];
    });
}

const points = (share: number): string => (100 * share).toFixed(2);

/** What a comparison shows, in one sentence that claims no more than the errors allow. */
export function comparisonText({ finalist, reference, gain, error }: Comparison): string {
  const side = gain >= 0 ? "above" : "below";
  const time = finalist.latencyMs / reference.latencyMs - 1;
  const speed =
    Math.abs(time) < 0.005 ? "as fast" : `${(100 * Math.abs(time)).toFixed(0)} % ${time < 0 ? "faster" : "slower"}`;
  const difference =
    Math.abs(gain) < 0.00005
      ? `as many as ${reference.name}, ± ${points(error)} points`
      : `${points(Math.abs(gain))} ± ${points(error)} points ${side} ${reference.name}`;
  const verdict = Math.abs(gain) < 2 * error ? "; within two standard errors, so not a clear difference" : "";
  return `${finalist.name}: ${percent(finalist.testAccuracy)} of the test images right, ${difference}, and ${speed}${verdict}.`;
}

/** The trial to look at first, in one sentence. */
export function bestText(data: ReportData): string | null {
  const best = byReward(frontOf(data))[0];
  if (best === undefined) return null;
  const { number, latencyMs, accuracy } = best;
  const against = latencyMs <= data.targetMs ? "within" : "over";
  const latency = latencyName(data.isProxy).toLowerCase();
  return `Highest reward: trial ${number}, ${percent(accuracy)} validation accuracy at a ${latency} of ${ms(latencyMs)}, ${against} the target of ${ms(data.targetMs)}.`;
}

/** How far predictions were from what the finals took; empty when none was measured. */
function predictionText({ finals }: ReportData): string {
  const errors = finals.flatMap(({ predictedMs, latencyMs }) =>
    predictedMs === null || latencyMs === null ? [] : [Math.abs(predictedMs / latencyMs - 1)],
  );
  if (errors.length === 0) return " Nor were the finals.";
  const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
  return ` Finals were measured: predictions were off by ${(100 * mean).toFixed(1)} % in the mean of ${errors.length}.`;
}

/** What a reader must know before trusting the numbers. */
export function caveatsOf(data: ReportData): string[] {
  const { proposed, trained } = tallyOf(data);
  const seed = configNumber(data, "seed");
  const notes = [
    `One run, one seed${seed === null ? "" : ` (${seed})`}, ${plural(proposed, "trial")} of which ${trained} trained: another seed finds other networks, and how much results differ between seeds is not known from one run.`,
    data.isProxy
      ? "Latency is a proxy computed from multiply-adds. It was not measured: how long these networks take on a device can rank them differently."
      : data.isPredicted
        ? `Latency of trials was predicted from earlier measurements of the device, not measured.${predictionText(data)}`
        : `Latency is the median of repeated runs on the device named above; another device can rank the networks differently.`,
    "Accuracy of trials is a proxy: after a short training, on validation images cut from the training part. It ranks networks; it is not what they reach when trained to the end.",
    "The front is picked by the same validation accuracies it shows, so these are a little too good. Test images had no part in choosing.",
  ];
  const unstable = [...data.trials, ...data.finals].filter(({ isUnstable }) => isUnstable).length;
  if (unstable > 0)
    notes.push(
      `The device was busy, hot or otherwise not steady during ${plural(unstable, "measurement")}: a latency marked “unstable” may be too high.`,
    );
  if (data.finals.length === 0) return notes;
  return [
    ...notes,
    "Finalists and references were trained once each, longer, by the same recipe. The error is one standard error of the share of test images classified right, √(p(1−p)/n). It does not contain the difference between one training and the next.",
  ];
}
