import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { tableSamples, type TableFitOptions } from "../src/cli/fit-table.ts";
import { builtInPrior, openPredictor, readPredictor } from "../src/device/predict/predictor.ts";
import { formatArch } from "../src/space/notation.ts";
import { linearDevice, randomModel, task } from "./latency-devices.ts";
import { mnas, scratch } from "./mnas.ts";

const folder = scratch();
afterAll(() => folder[Symbol.dispose]());

const device = linearDevice();
const models = Array.from({ length: 40 }, (_, i) => randomModel(i));
const notations = models.map(({ arch }) => formatArch(arch!));
const times = await Promise.all(models.map(async (model) => (await device.measure(model)).medianMs));
const prior = builtInPrior();

/** A file of lines, and the options for it. */
function file(name: string, lines: readonly string[], more: Partial<TableFitOptions> = {}): TableFitOptions {
  writeFileSync(join(folder.dir, name), `${lines.join("\n")}\n`);
  return { measurements: join(folder.dir, name), json: true, ...more };
}
const rows = (mark = ","): string[] => notations.map((notation, i) => `${notation}${mark}${times[i]}`);
const different = new Set(notations).size;

test("mnas fit --measurements makes a predictor of latencies that were measured elsewhere", async () => {
  file("t.csv", ["network,ms", ...rows()]);
  const { code, stdout } = await mnas(["fit", "--measurements", "t.csv", "--out", "p.json", "--json"], folder.dir);
  expect(code).toBe(0);
  const said = JSON.parse(stdout) as { samples: number; heldOut: { mape: number; spearman: number; networks: number } };
  expect(said.samples + said.heldOut.networks).toBe(different);
  // The prices are a straight line, which a predictor finds.
  expect(said.heldOut.mape).toBeLessThan(0.05);
  expect(said.heldOut.spearman).toBeGreaterThan(0.95);
  expect(readPredictor(join(folder.dir, "p.json"))).toMatchObject({
    task,
    space: null,
    time: null,
    measuredOn: { name: "t.csv", description: "t.csv, by the measurements in t.csv" },
  });
  await using predictor = openPredictor(join(folder.dir, "p.json"));
  const unseen = randomModel("unseen");
  const [is, must] = await Promise.all([predictor, device].map(async (each) => (await each.measure(unseen)).medianMs));
  expect(Math.abs(is! / must! - 1)).toBeLessThan(0.1);
});

const quoted = (text: string): string => `"${text}"`;
test.each([
  ["a pandas index", ["", "notation", "latency_ms"].join(), rows().map((row, i) => `${i},${row}`)],
  ["semicolons", "arch;top1;ms", rows(";0.7;")],
  ["tabs and quotation marks", "Network\tMedian (ms)", notations.map((name, i) => `${quoted(name)}\t${times[i]}`)],
  ["the latency first", "ms,network", notations.map((name, i) => `${times[i]},${name}`)],
])("tableSamples() reads a table with %s", (_what, head, lines) => {
  const { fitted, tested } = tableSamples(file("form.csv", [head, ...lines]), prior);
  const sorted = (values: Iterable<number>): number[] => [...values].toSorted((a, b) => a - b);
  const byNotation = new Map(notations.map((notation, i) => [notation, times[i]!]));
  expect(sorted([...fitted, ...tested].map(({ ms }) => ms))).toEqual(sorted(byNotation.values()));
});

test("tableSamples() takes the median of a network that comes several times, and tests with networks of all sizes", () => {
  const sorted = [...new Map(notations.map((notation, i) => [notation, times[i]!]))].toSorted((a, b) => a[1] - b[1]);
  const lines = sorted.flatMap(([notation, ms]) => [0.5, 1, 7].map((factor) => `${notation},${factor * ms}`));
  const { fitted, tested } = tableSamples(file("again.csv", ["network,ms", ...lines]), prior);
  expect(new Set([...fitted, ...tested].map(({ ms }) => ms))).toEqual(new Set(sorted.map(([, ms]) => ms)));
  const middle = sorted[Math.floor(sorted.length / 2)]![1];
  expect(tested.some(({ ms }) => ms < middle)).toBe(true);
  expect(tested.some(({ ms }) => ms > middle)).toBe(true);
});

test("a zoo network of a table is for the images and classes that options say", () => {
  const zoo = Array.from({ length: 10 }, (_, i) => `${notations[i]!},1`);
  const options = file("zoo.csv", ["network,ms", "mobilenet-v2,3", ...zoo], { size: 20, classes: 4 });
  expect(() => tableSamples(options, prior)).not.toThrow();
  expect(tableSamples({ ...options, device: "adb" }, prior)).toMatchObject({
    task: null,
    measuredOn: { name: "adb", description: "adb, by the measurements in zoo.csv" },
  });
});

const [first] = notations;
test.each([
  ["no column of networks", ["a,ms", `${first},1`], {}, "DATA_INVALID", "no column of networks; there are a, ms"],
  [
    "no unit",
    ["network,latency", `${first},1`],
    {},
    "DATA_INVALID",
    "no column of milliseconds; there are network, latency",
  ],
  ["a decimal comma", ["network;ms", `${first};1,5`], {}, "DATA_INVALID", 'row 1 has "1,5" ms'],
  ["an empty cell", ["network,ms", `${first},1`, `${first},`], {}, "DATA_INVALID", 'row 2 has "" ms'],
  ["no time", ["network,ms", `${first},0`], {}, "DATA_INVALID", "must be a number above 0"],
  ["an unknown network", ["network,ms", "resnet,1"], {}, "ARCH_INVALID", 'Cannot find network "resnet"'],
  ["few networks", ["network,ms", ...rows().slice(0, 4)], {}, "DATA_INVALID", "must have 10 or more"],
  [
    "too many for the test",
    ["network,ms", ...rows()],
    { samples: 30, heldOut: 30 },
    "DATA_INVALID",
    "must have 60 or more",
  ],
  ["another size than options say", ["network,ms", `${first},1`], { size: 64 }, "DATA_INVALID", "options say 64×64"],
  ["data that nobody needs", ["network,ms", ...rows()], { data: "fashion-mnist" }, "USAGE", "Cannot apply --data"],
  ["nothing", [""], {}, "DATA_INVALID", "no column of networks"],
])("tableSamples() refuses a table with %s", (_what, lines, options, code, message) => {
  expect(() => tableSamples(file("bad.csv", lines, options), prior)).toThrowError(
    expect.objectContaining({ code, message: expect.stringContaining(message) }),
  );
});

test("the predictor of a table says that it is of no space, and keeps no path of this machine", () => {
  expect(readFileSync(join(folder.dir, "p.json"), "utf8")).not.toContain(folder.dir);
});
