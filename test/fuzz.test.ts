import { expect, test } from "vitest";
import { openTable } from "../src/device/table/device.ts";
import { parseBenchmarkModel } from "../src/device/adb/benchmark-model.ts";
import { fastestCores, parseFacts, parseTemperature } from "../src/device/adb/facts.ts";
import { parsePerfTest } from "../src/device/adb/perf-test.ts";
import { predictedLatency } from "../src/device/provenance.ts";
import { readTable } from "../src/replay/table.ts";
import { networkOf } from "../src/arch/network.ts";
import { parseArch } from "../src/space/notation.ts";
import { parseJson } from "../src/util/json.ts";
import { folderOf, withFile } from "./fuzz/folder.ts";
import { fuzz } from "./fuzz/reader.ts";
import { readers } from "./fuzz/readers.ts";

/** `npm run fuzz` gives each hundreds. */
const count = 10;

test.each(readers)("$name are read or refused in words, whatever they are", async (reader) => {
  const { taken, refused, failure } = await fuzz(reader, 1, count);
  expect(failure).toBeNull();
  expect(taken + refused).toBe(count);
});

const line = "count=50 first=9 curr=8 min=8 max=9 avg=8.4 std=0";
const timed = (text: string) => parseBenchmarkModel(`${line}\n${text}\nInference timings in us: x`);

test.each(["avg=1.2.3", "avg=0", "avg=1e999", "count=1e999 curr=8"])("%s is no time of benchmark_model", (wrong) => {
  expect(timed(line.replace(wrong.includes("count") ? /.*/ : "avg=8.4", wrong))).toBeNull();
  expect(timed(line)).toMatchObject({ count: 50, minMs: 0.008 });
});

test.each(["1.2.3", "0", "1e999"])("%s is no time of onnxruntime_perf_test", (wrong) => {
  const output = (time: string): string => `Total inference requests: 9\nAverage inference time cost: ${time} ms`;
  expect(parsePerfTest(output(wrong))).toBeNull();
  expect(parsePerfTest(output("1.5"))).toMatchObject({ count: 9, medianMs: 1.5 });
});

test("a long word in the output of benchmark_model is passed over at once", () => {
  const start = performance.now();
  expect(timed(`count=1 ${"x".repeat(300_000)}`)).toBeNull();
  expect(performance.now() - start).toBeLessThan(5000);
});

test("a list in a list is no accuracy of a table, however deep", async () => {
  const table = (cell: string) => Buffer.from(`arch;accuracy;latencyMs\n00;0.9;1\n01;${cell};2`);
  const read = (cell: string) => withFile(folderOf(), "t.csv", table(cell), (file) => readTable(file).entries.size);
  expect(await read("[0.8, nan, 0.7]")).toBe(2);
  for (const cell of ["[[0.8]]", `${"[".repeat(20_000)}${"]".repeat(20_000)}`])
    await expect(read(cell)).rejects.toThrow(/^Cannot replay ".*": accuracy of "01" is/);
});

test("a core or a temperature that no phone has is none", () => {
  expect(parseTemperature("  temperature: 4294967295\n")).toBeNull();
  expect(fastestCores(parseFacts("cpu1=9\ncpu4294967295=9\n").frequencies)).toBe("2");
});

test.each(["r4294967295", "r1001", "i4_o4294967295"])("a network with %s is refused", (part) => {
  const form = part.startsWith("r") ? "r2" : "i4_o4";
  const notation = "in8x8x1 stem4_k3_s22 r2_k3_s22_e3_i4_o4 head6 classes3";
  expect(() => networkOf(parseArch(notation.replace(form, part)))).toThrow(/^Cannot build .* must be/);
});

test("JSON that is nested too deep is refused, also with brackets in its texts", () => {
  const nested = (depth: number): string => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  expect(() => parseJson(nested(501))).toThrow(SyntaxError);
  expect(() => parseJson(nested(500))).not.toThrow();
  const text = JSON.stringify({ a: `"\\${"[".repeat(900)}`, b: ["]"] });
  expect(JSON.stringify(parseJson(text))).toBe(text);
});

test("a table whose sums are no number predicts nothing", async () => {
  const unknown = { os: "o", runtime: "r", runtimeVersion: "1", provider: "p", threads: 1 };
  const measuredOn = { name: "n", description: "d", device: "d", ...unknown };
  for (const ms of [Number.NaN, Infinity])
    expect(() => predictedLatency(measuredOn, ms)).toThrow(/^Cannot predict latencies of "n"/);
  const file = Buffer.from("[".repeat(100_000));
  const read = withFile(folderOf(), "t.json", file, openTable);
  await expect(read).rejects.toThrow(/^Cannot read latency table ".*": it is not JSON$/);
});
