import { plausibleRun } from "./plausible.ts";
import type { ToolPlan, ToolRun } from "./tool-run.ts";

/** Flags of ONNX Runtime's `onnxruntime_perf_test`. It makes one run of its own before those it times. */
export const perfTestArgs = ({ model, runs, seconds, expectedMs }: ToolPlan): string[] => [
  ..."-e cpu -x 1 -y 1 -o 99 -I -s -m times -r".split(" "),
  String(Math.max(runs, expectedMs === null ? 0 : Math.ceil((1000 * seconds) / expectedMs))),
  model,
];

/** The share of a normal distribution's deviation by which its 90 % quantile is above its median. */
const deviationsTo90 = 1.2816;

/** Reads what `onnxruntime_perf_test -s` prints, also where older versions write it differently. */
export function parsePerfTest(output: string): ToolRun | null {
  const number = (form: string): number | undefined => {
    const found = new RegExp(`${form}\\s*(?::|is)\\s*(\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?)(?!\\.?\\d)`).exec(output)?.[1];
    return found === undefined ? undefined : Number(found);
  };
  const count = number("Total inference requests") ?? number("Total iterations") ?? 0;
  const average = number("Average(?: inference)? time cost(?: total)?");
  if (count === 0 || average === undefined) return null;
  const seconds = (name: string): number | undefined => {
    const value = number(`${name} Latency`);
    return value === undefined ? undefined : 1000 * value;
  };
  const middle = seconds("P50");
  const medianMs = middle ?? average;
  const high = seconds("P90");
  const p90Ms = high ?? seconds("Max") ?? average;
  return plausibleRun({
    count,
    warmup: 1,
    medianMs,
    p90Ms,
    minMs: seconds("Min") ?? medianMs,
    deviationMs: Math.max(0, p90Ms - medianMs) / deviationsTo90,
    provider: "CPU",
    notes: [
      ...(middle === undefined ? ["the median is the mean: this onnxruntime_perf_test gives no median"] : []),
      ...(high === undefined
        ? ["p90 is the slowest run or the mean: this onnxruntime_perf_test gives no quantiles"]
        : []),
    ],
  });
}
