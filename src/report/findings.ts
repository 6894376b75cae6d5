import { byReward, configNumber, frontOf, tallyOf, type ReportData } from "./data.ts";
import { latencyName, listed, ms, percentWithError, plural } from "./text.ts";

/** How the trials ended, in words. */
export function tallyText(data: ReportData): string {
  const { proposed, trained, stopped, gated, failed, seen, open } = tallyOf(data);
  const parts = [
    `${trained} trained`,
    stopped > 0 ? `${stopped} stopped early` : null,
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

/** The trial to look at first, in one sentence. */
export function bestText(data: ReportData): string | null {
  const best = byReward(frontOf(data))[0];
  if (best === undefined) return null;
  const { number, latencyMs, accuracy, accuracyError } = best;
  const against = latencyMs <= data.targetMs ? "within" : "over";
  const latency = latencyName(data.isProxy).toLowerCase();
  return `Highest reward: trial ${number}, ${percentWithError(accuracy, accuracyError)} validation accuracy at a ${latency} of ${ms(latencyMs)}, ${against} the target of ${ms(data.targetMs)}.`;
}

/** How well the short training ranks networks. */
function proxyText({ proxy }: ReportData): string {
  if (proxy === null) return "How well it ranks them on these data was never validated; mnas validate-proxy does that.";
  const { kendall, low, high, networks, seedNoise, epochs, recommended } = proxy;
  const better = recommended === epochs ? "" : ` Recommended are ${plural(recommended, "epoch")} instead of ${epochs}.`;
  return `Validated on ${plural(networks, "network")} of this space and these data: Kendall's tau with full training ${kendall.toFixed(2)} (95 % interval ${low.toFixed(2)} to ${high.toFixed(2)}), deviation between seeds ${(100 * seedNoise).toFixed(1)} points.${better}`;
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
    `Accuracy of trials is a proxy: after a short training, on validation images cut from the training part. It ranks networks; it is not what they reach when trained to the end. ${proxyText(data)}`,
    "± of a validation accuracy is one standard error of the share of the validation images classified right, √(p(1−p)/n), for finals with the differences between trainings. The images are the same for all networks, so differences between networks vary less.",
    "The front is picked by the same validation accuracies it shows, so these are a little too good. Test images had no part in choosing.",
  ];
  const unstable = [...data.trials, ...data.finals].filter(({ isUnstable }) => isUnstable).length;
  if (unstable > 0)
    notes.push(
      `The device was busy, hot or otherwise not steady during ${plural(unstable, "measurement")}: a latency marked “unstable” may be too high.`,
    );
  for (const text of data.warnings ?? []) notes.push(`${text[0]!.toUpperCase()}${text.slice(1)}.`);
  if (data.finals.length === 0) return notes;
  const trainings = Math.max(...data.finals.map(({ seeds }) => seeds.length));
  const who = data.finals.some(({ isReference }) => isReference) ? "Finalists and baselines" : "Finalists";
  return [
    ...notes,
    trainings === 1
      ? `${who} were trained once each, longer, by the same recipe. ± is one standard error of the share of test images classified right, √(p(1−p)/n). It does not contain the difference between one training and the next.`
      : `${who} were trained from ${trainings} seeds each, longer, by the same recipe; accuracies are means. ± is one standard error of such a mean, √(s²/k + p(1−p)/n): s is the deviation between the k trainings, the rest is the chance in n test images, which are the same for all networks.`,
    "The model of a finalist is that of its training with the best validation accuracy. Test images had no part in choosing it, but they decide which widths of the baseline are trained.",
  ];
}
