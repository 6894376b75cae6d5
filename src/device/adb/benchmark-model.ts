import type { ToolPlan, ToolRun } from "./tools.ts";

/** Flags of LiteRT's (TensorFlow Lite's) `benchmark_model`; versions before a flag ignore it. */
export const benchmarkModelArgs = ({ model, runs, seconds, warmupSeconds }: ToolPlan): string[] => [
  `--graph=${model}`,
  "--num_threads=1",
  "--use_xnnpack=true",
  "--warmup_runs=1",
  `--warmup_min_secs=${warmupSeconds}`,
  `--num_runs=${runs}`,
  `--min_secs=${seconds}`,
  // It would end slow models before `num_runs`.
  "--max_secs=600",
];

/** The numbers of a line such as `count=50 first=9 curr=8 min=8 max=9 avg=8.4 std=0`, microseconds but for the first. */
function statistics(line: string): ReadonlyMap<string, number> {
  return new Map([...line.matchAll(/(\w+)=([\d.]+(?:e[+-]?\d+)?)/g)].map(([, key, value]) => [key!, Number(value)]));
}

/** XNNPACK is asked for, but old versions do not have it, and it may refuse parts of a model. */
function providerOf(output: string): string {
  if (/XNNPACK delegate.*will not be executed/.test(output)) return "CPU";
  if (/XNNPACK delegate.*partially executed/.test(output)) return "XNNPACK and CPU";
  return /XNNPACK delegate/.test(output) ? "XNNPACK" : "CPU";
}

/**
 * Reads what `benchmark_model` prints: a line of statistics of the warm-up, then one of the timed runs, then averages.
 * Newer versions give quantiles too. When all runs took the same, the line has that time alone.
 */
export function parseBenchmarkModel(output: string): ToolRun | null {
  if (!/inference timings in us/i.test(output)) return null;
  const lines = output.split("\n").filter((line) => /\bcount=\d/.test(line));
  const timed = statistics(lines.at(-1) ?? "");
  const warmup = lines.length < 2 ? 0 : (statistics(lines[0]!).get("count") ?? 0);
  const count = timed.get("count") ?? 0;
  const same = timed.get("curr");
  const average = timed.get("avg") ?? same;
  if (count === 0 || average === undefined) return null;
  const ms = (us: number): number => us / 1000;
  const isSame = !timed.has("avg");
  const middle = isSame ? same : timed.get("median");
  const high = isSame ? same : timed.get("p95");
  return {
    count,
    warmup,
    medianMs: ms(middle ?? average),
    p90Ms: ms(high ?? timed.get("max") ?? average),
    minMs: ms(timed.get("min") ?? average),
    deviationMs: ms(timed.get("std") ?? 0),
    provider: providerOf(output),
    notes: [
      ...(middle === undefined ? ["the median is the mean: this benchmark_model gives no median"] : []),
      ...(high === undefined
        ? ["p90 is the slowest run: this benchmark_model gives no quantiles"]
        : ["p90 is the 95th percentile, which benchmark_model gives"]),
    ],
  };
}
