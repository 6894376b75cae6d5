/*
 * How well latency tables and predictors know device `host`.
 *
 *   node bench/latency-models.ts --space mnasnet-tiny --networks 50
 *   node bench/latency-models.ts --space mnasnet --size 96 --networks 50 [--samples 30] [--seed 1] [--passes 9]
 *                                [--needed] [--table table.json] [--json]
 *
 * Random networks of a space are measured several times in turn, so that a minute in which the machine does something else
 * counts little: they take the median of their passes, or the shortest, since others' work only adds. How one pass agrees with
 * the next, and half of the passes with the other half, shows how far the machine can be trusted. Other networks, to fit
 * predictors to, are measured once, as `mnas fit` does. A table of layers is measured too, of the whole space or, when that
 * would take more than 20 minutes or with `--needed`, of the layers that the networks have; or it is one of `mnas profile`.
 */
import { parseArgs } from "node:util";
import { canaryModel } from "../src/device/canary.ts";
import type { DeviceModel } from "../src/device/device.ts";
import { openDevice } from "../src/device/open.ts";
import { agreement, fitBest, type HeldOut } from "../src/device/predict/fit.ts";
import { predict, type Point } from "../src/device/predict/models.ts";
import { builtInPrior, pointOf, pricesOf, type Prior } from "../src/device/predict/predictor.ts";
import { differentNetworks, measureNetworks } from "../src/device/predict/sample.ts";
import { provenanceOf } from "../src/device/provenance.ts";
import { keyOf, layeredParts } from "../src/device/table/parts.ts";
import { partTiming, profile } from "../src/device/table/profile.ts";
import { partsOfSpace } from "../src/device/table/space.ts";
import { median } from "../src/device/statistics.ts";
import { emptyTable, predictWith, readTable, type LatencyTable } from "../src/device/table/table.ts";
import { formatArch } from "../src/space/notation.ts";
import { presetSpace } from "../src/space/presets.ts";
import { buildNetwork } from "../src/arch/network.ts";
import { deviceModel } from "../src/device/model.ts";
import { createRng } from "../src/util/rng.ts";

const { values: options } = parseArgs({
  options: {
    space: { type: "string", default: "mnasnet-tiny" },
    size: { type: "string" },
    networks: { type: "string", default: "50" },
    samples: { type: "string", default: "30" },
    seed: { type: "string", default: "1" },
    passes: { type: "string", default: "9" },
    needed: { type: "boolean", default: false },
    table: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const bars = { mape: 0.08, kendall: 0.9 };
const longestMinutes = 20;
const scaleNetworks = 12;

const given = options.table === undefined ? null : readTable(options.table);
const say = (text: string): void => void (options.json || console.log(text));
const space = presetSpace(options.space);
const task =
  options.size === undefined
    ? { height: 28, width: 28, channels: 1, classes: 10 }
    : { height: Number(options.size), width: Number(options.size), channels: 3, classes: 1000 };
const [count, sampleCount] = [Number(options.networks), Number(options.samples)];
const archs = differentNetworks(space, task, count + sampleCount + scaleNetworks, createRng(options.seed));
const [tested, fitted, scaling] = [
  archs.slice(0, count),
  archs.slice(count, count + sampleCount),
  archs.slice(count + sampleCount),
];
const modelsOf = (list: typeof archs): DeviceModel[] => list.map((arch) => deviceModel(buildNetwork(arch)));
const minutes = (since: number): number => (performance.now() - since) / 60_000;

await using device = await openDevice("host");
say(`${device.description}\n${space.name}, ${task.height}×${task.width}, seed ${options.seed}`);
const start = performance.now();
const { times: fittedMs, unstable: unstableSamples } = await measureNetworks(device, modelsOf(fitted));
let unstable = unstableSamples;
/** Many passes stand in for a canary: whatever changed meanwhile, changed for all. */
async function measureOnce(models: readonly DeviceModel[]): Promise<readonly number[]> {
  const times: number[] = [];
  for (const model of models) {
    const { medianMs, isUnstable } = await device.measure(model);
    times.push(medianMs);
    if (isUnstable) unstable += 1;
  }
  return times;
}
const models = modelsOf(tested);
const passes: (readonly number[])[] = [];
while (passes.length < Number(options.passes)) passes.push(await measureOnce(models));
/** Of each tested network over the passes. */
const overPasses = (of: (times: readonly number[]) => number): number[] =>
  tested.map((_, i) => of(passes.map((pass) => pass[i]!)));
say(
  `${sampleCount} networks measured once, ${count} ${options.passes} times, in ${minutes(start).toFixed(1)} min, ${unstable} times on an unstable device`,
);

async function measureTable(): Promise<LatencyTable> {
  let began = performance.now();
  const canary = await device.measure(canaryModel(), partTiming);
  const all = partsOfSpace(space, task);
  const estimate = all.length * minutes(began);
  const isWhole = !options.needed && estimate <= longestMinutes;
  const neededKeys = new Set(archs.flatMap((arch) => layeredParts(arch).map(keyOf)));
  const parts = isWhole ? all : all.filter((part) => neededKeys.has(keyOf(part)));
  say(
    `the space has ${all.length} layers, which take about ${estimate.toFixed(0)} min; measuring ${isWhole ? "all" : `the ${parts.length} that the networks have`}`,
  );
  began = performance.now();
  let said = 0;
  const table = await profile(
    emptyTable(provenanceOf(device, canary), {
      time: canary.time,
      space: space.name,
      task,
      canaryMs: canary.medianMs,
    }),
    {
      device,
      task,
      parts,
      networks: scaling,
      modelOf: (arch) => deviceModel(buildNetwork(arch)),
      onProgress: (_, { done, total }) => {
        if (minutes(began) < said + 1) return;
        said = minutes(began);
        say(`  ${done}/${total} after ${said.toFixed(0)} min`);
      },
    },
  );
  say(`table in ${minutes(began).toFixed(1)} min, scale ${table.scale.toFixed(3)}, ${table.unstable.length} unstable`);
  return table;
}

const table = given ?? (await measureTable());

const pointsOf = (list: typeof archs, prior: Prior | null): Point[] =>
  list.map((arch) => pointOf(deviceModel(buildNetwork(arch)), prior));
const fittedTo = (samples: number, prior: Prior | null): number[] => {
  const samplesOf = pointsOf(fitted.slice(0, samples), prior).map((point, i) => ({ ...point, ms: fittedMs[i]! }));
  const { model } = fitBest(samplesOf, pricesOf(prior));
  return pointsOf(tested, prior).map((point) => predict(model, point));
};
const builtIn = builtInPrior();
const predicted: Readonly<Record<string, readonly number[]>> = {
  "table, unscaled": tested.map((arch) => predictWith({ ...table, scale: 1 }, arch, "network")),
  table: tested.map((arch) => predictWith(table, arch, "network")),
  "built-in prior": pointsOf(tested, builtIn).map(({ priorMs }) => priorMs!),
  [`predictor, ${sampleCount} samples and built-in prior`]: fittedTo(sampleCount, builtIn),
  "predictor, 10 samples and built-in prior": fittedTo(10, builtIn),
  [`predictor, ${sampleCount} samples and table`]: fittedTo(sampleCount, table),
  "predictor, 10 samples and table": fittedTo(10, table),
  [`predictor, ${sampleCount} samples and no prior`]: fittedTo(sampleCount, null),
};
const halfOfPasses = (half: number): number[] => overPasses((times) => median(times.filter((_, k) => k % 2 === half)));
const repeated: Readonly<Record<string, HeldOut>> =
  passes.length < 2
    ? {}
    : {
        "one pass and the next": agreement(passes[1]!, passes[0]!),
        "half of the passes and the others": agreement(halfOfPasses(1), halfOfPasses(0)),
      };
const compared = (ms: readonly number[]): Record<string, HeldOut> => ({
  ...repeated,
  ...Object.fromEntries(Object.entries(predicted).map(([name, of]) => [name, agreement(of, ms)])),
});
const results = { median: compared(overPasses(median)), shortest: compared(overPasses((times) => Math.min(...times))) };
for (const [truth, rows] of Object.entries(results)) {
  say(`\n${`${truth} of ${passes.length} passes`.padEnd(42)}  error  Kendall  Spearman`);
  for (const [name, { mape: error, kendall, spearman: rho }] of Object.entries(rows))
    say(
      `${name.padEnd(42)} ${(100 * error).toFixed(1).padStart(4)} %  ${kendall?.toFixed(3) ?? "–"}    ${rho?.toFixed(3) ?? "–"}`,
    );
}
say(`(bars: error ${100 * bars.mape} %, Kendall ${bars.kendall})`);
if (options.json)
  console.log(
    JSON.stringify(
      {
        device: device.description,
        space: space.name,
        task,
        parts: Object.keys(table.entries).length,
        bars,
        results,
        networks: tested.map((arch, i) => ({ notation: formatArch(arch), ms: passes.map((pass) => pass[i]!) })),
      },
      null,
      2,
    ),
  );
const { mape: error, kendall } = results.median["table"]!;
if (!(error <= bars.mape && kendall !== null && kendall >= bars.kendall)) process.exitCode = 1;
