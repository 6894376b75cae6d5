/*
 * How well latency tables and predictors know device `host`.
 *
 *   node bench/latency-models.ts --space mnasnet-tiny --networks 50
 *   node bench/latency-models.ts --space mnasnet --size 96 --networks 50 [--samples 30] [--seed 1] [--needed] [--json]
 *
 * Random networks of a space are measured; then a table of layers is, and other networks to fit predictors to; then the
 * same networks once more, which shows what no prediction can be better than. The table is of the whole space, or, when
 * that would take more than 20 minutes or with `--needed`, of the layers that the networks have.
 */
import { parseArgs } from "node:util";
import { canaryModel } from "../src/device/canary.ts";
import type { DeviceModel } from "../src/device/device.ts";
import { openDevice } from "../src/device/open.ts";
import { compare, fitBest, type HeldOut } from "../src/device/predict/fit.ts";
import { builtInPrior, pointOf, pricesOf, type Prior } from "../src/device/predict/predictor.ts";
import { differentNetworks, measureSamples } from "../src/device/predict/sample.ts";
import { provenanceOf } from "../src/device/provenance.ts";
import { keyOf, layeredParts } from "../src/device/table/parts.ts";
import { partTiming, profile } from "../src/device/table/profile.ts";
import { partsOfSpace } from "../src/device/table/space.ts";
import { emptyTable, predictWith } from "../src/device/table/table.ts";
import { presetSpace } from "../src/space/presets.ts";
import { buildCandidate, deviceModel } from "../src/study/candidate.ts";
import { kendallTau, mape, spearman } from "../src/util/correlation.ts";
import { createRng } from "../src/util/rng.ts";

const { values: options } = parseArgs({
  options: {
    space: { type: "string", default: "mnasnet-tiny" },
    size: { type: "string" },
    networks: { type: "string", default: "50" },
    samples: { type: "string", default: "30" },
    seed: { type: "string", default: "1" },
    needed: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const bars = { mape: 0.08, kendall: 0.9 };
const longestMinutes = 20;
const scaleNetworks = 12;

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
const modelsOf = (list: typeof archs): DeviceModel[] => list.map((arch) => deviceModel(buildCandidate(arch)));
const minutes = (since: number): number => (performance.now() - since) / 60_000;

await using device = await openDevice("host");
const measure = async (list: typeof archs) => measureSamples(device, modelsOf(list), null, { onProgress: () => {} });

say(`${device.description}\n${space.name}, ${task.height}×${task.width}, seed ${options.seed}`);
let began = performance.now();
const held = await measure(tested);
const actual = held.samples.map(({ ms }) => ms);
say(`${count} networks measured in ${minutes(began).toFixed(1)} min, ${held.unstable} on an unstable device`);

began = performance.now();
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
    modelOf: (arch) => deviceModel(buildCandidate(arch)),
    onProgress: (_, { done, total }) => {
      if (minutes(began) < said + 1) return;
      said = minutes(began);
      say(`  ${done}/${total} after ${said.toFixed(0)} min`);
    },
  },
);
const tableMinutes = minutes(began);
say(`table in ${tableMinutes.toFixed(1)} min, scale ${table.scale.toFixed(3)}, ${table.unstable.length} unstable`);

const fit = await measure(fitted);
const again = await measure(tested);

const known = (r: number): number | null => (Number.isNaN(r) ? null : r);
const against = (predicted: readonly number[]): HeldOut => ({
  mape: mape(predicted, actual),
  kendall: known(kendallTau(predicted, actual)),
  spearman: known(spearman(predicted, actual)),
  networks: actual.length,
});
const fittedTo = (samples: number, prior: Prior | null): HeldOut & { readonly model: string } => {
  const withPrior = (list: typeof archs, measured: typeof fit.samples) =>
    list.map((arch, i) => ({
      ...pointOf(deviceModel(buildCandidate(arch)), prior),
      ms: measured[i]!.ms,
    }));
  const { model } = fitBest(withPrior(fitted, fit.samples).slice(0, samples), pricesOf(prior));
  return { ...compare(model, withPrior(tested, held.samples)), model: model.kind };
};
const builtIn = builtInPrior();
const results: Record<string, HeldOut> = {
  "measured again": against(again.samples.map(({ ms }) => ms)),
  "table, unscaled": against(tested.map((arch) => predictWith({ ...table, scale: 1 }, arch, "network"))),
  table: against(tested.map((arch) => predictWith(table, arch, "network"))),
  "built-in prior": against(tested.map((arch) => pointOf(deviceModel(buildCandidate(arch)), builtIn).priorMs!)),
  [`predictor, ${sampleCount} samples and built-in prior`]: fittedTo(sampleCount, builtIn),
  "predictor, 10 samples and built-in prior": fittedTo(10, builtIn),
  [`predictor, ${sampleCount} samples and table`]: fittedTo(sampleCount, table),
  "predictor, 10 samples and table": fittedTo(10, table),
  [`predictor, ${sampleCount} samples and no prior`]: fittedTo(sampleCount, null),
};
say(`\n${"".padEnd(42)}  error  Kendall  Spearman`);
for (const [name, { mape: error, kendall, spearman: rho }] of Object.entries(results))
  say(
    `${name.padEnd(42)} ${(100 * error).toFixed(1).padStart(4)} %  ${kendall?.toFixed(3) ?? "–"}    ${rho?.toFixed(3) ?? "–"}`,
  );
say(`(bars: error ${100 * bars.mape} %, Kendall ${bars.kendall})`);
if (options.json)
  console.log(
    JSON.stringify(
      {
        device: device.description,
        space: space.name,
        task,
        parts: parts.length,
        isWhole,
        tableMinutes,
        bars,
        results,
      },
      null,
      2,
    ),
  );
const { mape: error, kendall } = results["table"]!;
if (!(error <= bars.mape && kendall !== null && kendall >= bars.kendall)) process.exitCode = 1;
