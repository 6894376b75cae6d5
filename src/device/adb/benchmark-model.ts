import { plausibleRun } from "./plausible.ts";
import type { ToolPlan, ToolRun } from "./tool-run.ts";

/** A word that a phone's shell reads back as it is. */
const quoted = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;

/** Flags of LiteRT's (TensorFlow Lite's) `benchmark_model`; versions before a flag ignore it, and name it. */
export const benchmarkModelArgs = ({ model, inputs, runs, seconds, warmupSeconds }: ToolPlan): string[] => [
  `--graph=${model}`,
  ...(inputs.length === 0
    ? []
    : [
        `--input_layer=${quoted(inputs.map(({ name }) => name).join(","))}`,
        `--input_layer_shape=${inputs.map(({ shape }) => shape.join(",")).join(":")}`,
      ]),
  "--num_threads=1",
  "--use_xnnpack=true",
  "--warmup_runs=1",
  `--warmup_min_secs=${warmupSeconds}`,
  `--num_runs=${runs}`,
  `--min_secs=${seconds}`,
  // It would end slow models before `num_runs`.
  "--max_secs=600",
];

/** Whether the program passed over the shapes of inputs, so that it ran another network than was asked for. */
export const ignoresShapes = (output: string): boolean => /unconsumed cmdline flags:.*--input_layer/i.test(output);

/** The numbers of a line such as `count=50 first=9 curr=8 min=8 max=9 avg=8.4 std=0`, microseconds but for the first. */
function statistics(line: string): ReadonlyMap<string, number> {
  return new Map(
    [...line.matchAll(/\b(\w+)=(\d+(?:\.\d+)?(?:e[+-]?\d+)?)(?=[\s(]|$)/g)].map(([, key, value]) => [
      key!,
      Number(value),
    ]),
  );
}

/** XNNPACK is asked for, but old versions do not have it, and it may refuse parts of a model. */
function providerOf(output: string): string {
  if (/XNNPACK delegate.*will not be executed/.test(output)) return "CPU";
  const [, replaced, nodes] = /Replacing (\d+) out of (\d+) node\(s\) with delegate \(TfLiteXNN/.exec(output) ?? [];
  if (/XNNPACK delegate.*partially executed/.test(output) || replaced !== nodes) return "XNNPACK and CPU";
  return /XNNPACK delegate|TfLiteXNNPackDelegate/.test(output) ? "XNNPACK" : "CPU";
}

/** The statistics of one phase, in microseconds; what the program does not say is undefined. */
interface Phase {
  readonly count: number;
  readonly average: number;
  readonly min: number | undefined;
  readonly max: number | undefined;
  readonly deviation: number | undefined;
  readonly median: number | undefined;
  readonly p95: number | undefined;
}

/** Reads a line such as `count=50 first=9 curr=8 …`. When all runs took the same, the line has that time alone. */
function phaseOfLine(line: string): Phase | null {
  const numbers = statistics(line);
  const [count = 0, current] = [numbers.get("count"), numbers.get("curr")];
  const isSame = !/\bavg=/.test(line);
  const average = isSame ? current : numbers.get("avg");
  if (count === 0 || average === undefined) return null;
  return {
    count,
    average,
    min: numbers.get("min") ?? (isSame ? current : undefined),
    max: numbers.get("max") ?? (isSame ? current : undefined),
    deviation: numbers.get("std") ?? (isSame ? 0 : undefined),
    median: isSame ? current : numbers.get("median"),
    p95: isSame ? current : numbers.get("p95"),
  };
}

/** Reads LiteRT's block of results in milliseconds, `NAME (avg): 8.41 ms (50 runs)` and the like. */
function phaseOfBlock(output: string, name: "Warmup" | "Inference"): Phase | null {
  const us = (what: string): number | undefined => {
    const found = new RegExp(`\\b${name} \\(${what}\\):\\s+(\\d+(?:\\.\\d+)?(?:e[+-]?\\d+)?)(?=\\s|$)`, "m").exec(
      output,
    )?.[1];
    return found === undefined ? undefined : 1000 * Number(found);
  };
  const count = Number(new RegExp(`\\b${name} \\(avg\\):.*\\((\\d+) runs?\\)`).exec(output)?.[1] ?? 0);
  const average = us("avg");
  if (count === 0 || average === undefined) return null;
  const [min, max, deviation] = ["min", "max", "std"].map(us);
  return { count, average, min, max, deviation, median: undefined, p95: undefined };
}

/**
 * Reads the output of `benchmark_model`. TensorFlow Lite's prints a line of statistics for the warm-up, one for the
 * timed runs, and a summary in microseconds; LiteRT's prints the lines and a block in milliseconds, which Android may
 * send to its log instead. The lines say more than the summaries, but a single line without a summary is a warm-up.
 *
 * @returns null when the timed runs are missing, or were made with other shapes than were asked for.
 */
export function parseBenchmarkModel(output: string): ToolRun | null {
  if (ignoresShapes(output)) return null;
  const isSummed = /inference timings in us|benchmark results|\bInference \(avg\):/i.test(output);
  const lines = output.split("\n").filter((line) => /\bcount=\d/.test(line));
  const isTimed = lines.length > 1 || (lines.length === 1 && isSummed);
  const timed = isTimed ? phaseOfLine(lines.at(-1)!) : phaseOfBlock(output, "Inference");
  if (timed === null || !(timed.average > 0 && Number.isFinite(timed.average))) return null;
  const warmup = lines.length > 1 ? phaseOfLine(lines[0]!) : phaseOfBlock(output, "Warmup");
  const { count, average, min, max, deviation, median, p95 } = timed;
  const ms = (us: number): number => us / 1000;
  return plausibleRun({
    count,
    warmup: warmup?.count ?? 0,
    medianMs: ms(median ?? average),
    p90Ms: ms(p95 ?? max ?? average),
    minMs: ms(min ?? average),
    deviationMs: ms(deviation ?? 0),
    provider: providerOf(output),
    notes: [
      ...(median === undefined ? ["the median is the mean: this benchmark_model gives no median"] : []),
      ...(p95 === undefined
        ? ["p90 is the slowest run: this benchmark_model gives no quantiles"]
        : ["p90 is the 95th percentile, which benchmark_model gives"]),
    ],
  });
}
