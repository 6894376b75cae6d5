import { expect, test } from "vitest";
import { parseBenchmarkModel } from "../src/device/adb/benchmark-model.ts";
import { parsePerfTest } from "../src/device/adb/perf-test.ts";

const warmup = "INFO: count=7 first=24300 curr=8100 min=8000 max=24300 avg=10500 std=2 p5=8000 median=8100 p95=24300";
const timed = "INFO: count=50 first=8100 curr=8100 min=8000 max=8600 avg=8110.25 std=12 p5=8000 median=8101 p95=8410";
const summary =
  "INFO: Inference timings in us: Init: 4521, First inference: 24300, Warmup (avg): 10500, Inference (avg): 8110.25";
const block = `INFO: [benchmark_litert_model.h:80]
========== BENCHMARK RESULTS ==========
INFO: [benchmark_litert_model.h:81] Model initialization: 4.52 ms
INFO: [benchmark_litert_model.h:83] Warmup (first):       24.30 ms
INFO: [benchmark_litert_model.h:85] Warmup (avg):         10.50 ms (7 runs)
INFO: [benchmark_litert_model.h:87] Inference (avg):      8.11 ms (50 runs)
INFO: [benchmark_litert_model.h:91] Inference (min):      8.00 ms
INFO: [benchmark_litert_model.h:93] Inference (max):      8.60 ms
INFO: [benchmark_litert_model.h:95] Inference (std):      0.01`;

const noMedian = "the median is the mean: this benchmark_model gives no median";
const noQuantiles = "p90 is the slowest run: this benchmark_model gives no quantiles";
const quantilesNote = "p90 is the 95th percentile, which benchmark_model gives";

/** Numbers of the lines, exact, and of the block, to hundredths of milliseconds. */
const ofLines = {
  count: 50,
  warmup: 7,
  medianMs: 8.101,
  p90Ms: 8.41,
  minMs: 8,
  deviationMs: 0.012,
  notes: [quantilesNote],
};
const ofBlock = {
  count: 50,
  warmup: 7,
  medianMs: 8.11,
  p90Ms: 8.6,
  minMs: 8,
  deviationMs: 0.01,
  notes: [noMedian, noQuantiles],
};

test.each([
  ["TensorFlow Lite: two lines and a summary", [warmup, timed, summary], ofLines],
  ["LiteRT: two lines and a block", [warmup, timed, block], ofLines],
  ["LiteRT whose block went to Android's log", [warmup, timed], ofLines],
  ["LiteRT whose lines are missing", [block], ofBlock],
  [
    "LiteRT with lines that end as on Windows",
    [warmup, timed, block].map((text) => text.replaceAll("\n", "\r\n")),
    ofLines,
  ],
  [
    "TensorFlow Lite 1.14: no quantiles",
    ["count=50 first=8100 curr=8100 min=8000 max=8600 avg=8110 std=12", summary],
    { count: 50, warmup: 0, medianMs: 8.11, p90Ms: 8.6, minMs: 8, deviationMs: 0.012, notes: [noMedian, noQuantiles] },
  ],
  [
    "runs that all took the same",
    ["count=2 curr=12(all same)", "count=5 curr=12(all same)", summary],
    { count: 5, warmup: 2, medianMs: 0.012, p90Ms: 0.012, minMs: 0.012, deviationMs: 0, notes: [quantilesNote] },
  ],
  [
    "a slow network, in powers of ten",
    [warmup, "count=1 curr=9992420", summary],
    { count: 1, warmup: 7, medianMs: 9992.42, p90Ms: 9992.42, minMs: 9992.42, deviationMs: 0, notes: [quantilesNote] },
  ],
  [
    "a slow network whose block has a single run",
    ["Warmup (avg): 1.2e+04 ms (1 runs)", "Inference (avg): 1.1e+04 ms (1 runs)"],
    {
      count: 1,
      warmup: 1,
      medianMs: 11000,
      p90Ms: 11000,
      minMs: 11000,
      deviationMs: 0,
      notes: [noMedian, noQuantiles],
    },
  ],
])("parseBenchmarkModel() reads %s", (_form, lines, numbers) => {
  const { medianMs, p90Ms, minMs, deviationMs, ...others } = parseBenchmarkModel(lines.join("\n"))!;
  expect(others).toEqual({
    count: numbers.count,
    warmup: numbers.warmup,
    notes: numbers.notes,
    provider: "CPU",
  });
  for (const [is, must] of [
    [medianMs, numbers.medianMs],
    [p90Ms, numbers.p90Ms],
    [minMs, numbers.minMs],
    [deviationMs, numbers.deviationMs],
  ])
    expect(is).toBeCloseTo(must!, 9);
});

test.each([
  ["nothing", ""],
  ["a warm-up after which the program ended", warmup],
  ["runs that never began", `count=0\ncount=0\n${summary}`],
  ["a block without runs", "Warmup (avg): 1.00 ms (3 runs)\nInference (avg): 0.00 ms (0 runs)"],
  ["the average of runs that are not counted", summary],
  ["runs of no time", `count=5 curr=0\ncount=50 curr=0\n${summary}`],
  ["runs without an end", `${warmup}\ncount=50 avg=1e999 std=0\n${summary}`],
  ["numbers with a comma", `count=5 curr=8,1\ncount=50 first=8,1 curr=8,2 min=8,0 max=9,1 avg=8,4 std=0,1`],
  ["a block with a comma", "Inference (avg): 8,41 ms (50 runs)"],
  [
    "runs with other shapes than were asked for",
    `WARN: Unconsumed cmdline flags: --input_layer=x --input_layer_shape=1,8,8,3\n${warmup}\n${timed}`,
  ],
])("parseBenchmarkModel() takes no time from %s", (_what, output) => {
  expect(parseBenchmarkModel(output)).toBe(null);
});

test.each([
  ["Explicitly applied XNNPACK delegate, and the model graph will be completely executed by the delegate.", "XNNPACK"],
  ["Replacing 64 out of 64 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 1 partitions.", "XNNPACK"],
  ["Replacing 60 out of 64 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 3.", "XNNPACK and CPU"],
  ["XNNPACK delegate: the model graph will be partially executed by the delegate", "XNNPACK and CPU"],
  ["Though XNNPACK delegate is explicitly applied, the model graph will not be executed by the delegate", "CPU"],
  ["Initialized TensorFlow Lite runtime.", "CPU"],
])("parseBenchmarkModel() tells who ran the network by %j", (line, provider) => {
  expect(parseBenchmarkModel([line, warmup, timed].join("\n"))!.provider).toBe(provider);
});

test("parsePerfTest() reads what older versions print", () => {
  const averages = "Total time cost: 58.8053\nTotal iterations: 1000\nAverage time cost: 58.8053 ms\n";
  const quantiles = "Min Latency is 0.0559777 sec\nMax Latency is 0.0623472 sec\nP50 Latency is 0.0587108 sec\n";
  expect(parsePerfTest(`${averages}${quantiles}P90 Latency is 0.0599845 sec\n`)).toMatchObject({
    count: 1000,
    notes: [],
  });
  expect(parsePerfTest(`${averages}${quantiles}P90 Latency is 0.0599845 sec\n`)!.medianMs).toBeCloseTo(58.7108, 9);
  expect(
    parsePerfTest(
      "Session creation time cost:1.8 s\nTotal inference requests:1\nAverage inference time cost:734.606 ms",
    ),
  ).toMatchObject({ count: 1, medianMs: 734.606, p90Ms: 734.606 });
  expect(parsePerfTest("onnxruntime::Exception: Load model failed")).toBe(null);
});
