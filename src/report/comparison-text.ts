import type { Comparison } from "./data.ts";
import { listed, percent, plural } from "./text.ts";

const points = (share: number): string => (100 * share).toFixed(2);

/** How a finalist compares with the baseline nearest in latency; claims no more than the trainings allow. */
export function gainText({ finalist, baseline, accuracy, trainings, gain, ...rest }: Comparison): string {
  const { low, high, isClear, imagesError, time } = rest;
  const speed =
    Math.abs(time - 1) < 0.005
      ? "as fast"
      : `${(100 * Math.abs(time - 1)).toFixed(0)} % ${time < 1 ? "faster" : "slower"}`;
  const difference =
    Math.abs(gain) < 0.00005
      ? `as many as ${baseline}`
      : `${points(Math.abs(gain))} points ${gain > 0 ? "above" : "below"} ${baseline}`;
  const verdict =
    low === null || high === null || isClear === null
      ? "one training each does not tell whether that is more than trainings differ"
      : `${isClear ? "more" : "not more"} than trainings differ (95 % interval of the difference ${points(low)} to ${points(high)}, Welch)`;
  const mean = trainings > 1 ? `, the mean of ${plural(trainings, "training")}` : "";
  return `${finalist}: ${percent(accuracy)} of the test images right${mean}, ${difference}, and ${speed}; ${verdict}. Other test images would change the difference by ± ${points(imagesError)} points (1 s.e., if both erred independently).`;
}

const times = (ratio: number): string => `${ratio.toFixed(2)} times`;

/** The end of the interval that a bound rests on; the ratio itself where there is no interval, or it is no bound. */
const supported = ({ ratio, bound, low, high, hasInterval }: Comparison["speedup"]): number | null =>
  hasInterval ? { exact: ratio, atLeast: low, atMost: high }[bound] : ratio;

/**
 * How long MobileNetV2 takes at a finalist's accuracy; `latency` is how its latencies are called, such as `proxy latency`.
 * Claims no more than the interval does.
 */
export function speedupText({ finalist, speedup }: Comparison, latency: string): string {
  const { bound, low, high, hasInterval, baselines } = speedup;
  const [fastest, slowest] = [baselines[0] ?? "", baselines.at(-1) ?? ""];
  const how = { exact: "", atLeast: "at least ", atMost: "at most " }[bound];
  const why = {
    exact: `interpolated between the widths ${listed(baselines)}`,
    atLeast: `not bracketed: the widest baseline tried, ${slowest}, is still less accurate, so this is a lower bound; more --baselines may bracket it`,
    atMost: `not bracketed: the narrowest baseline tried, ${fastest}, is already more accurate, so this is an upper bound`,
  }[bound];
  const claim = supported(speedup);
  const isOpen = claim === null || (hasInterval && low === null && high === null);
  if (isOpen)
    return `At the test accuracy of ${finalist} it is open how many times its ${latency} MobileNetV2 has: trainings differ too much to tell (${why.replace(/, so this is .*$/, "")}).`;
  const ends =
    low !== null && high !== null
      ? `${low.toFixed(2)} to ${high.toFixed(2)}`
      : low !== null
        ? `from ${low.toFixed(2)} up`
        : `up to ${(high ?? claim).toFixed(2)}`;
  const interval = hasInterval ? ` (95 % interval from the differences between trainings: ${ends})` : "";
  const single = hasInterval ? "" : "; one training each gives no interval";
  return `At the test accuracy of ${finalist} MobileNetV2 has ${how}${times(claim)} its ${latency}${interval}, ${why}${single}.`;
}
