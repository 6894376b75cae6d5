/*
 * Makes the predictor that `mnas fit` builds upon when it is given nothing else, of the tables of one device: prices of
 * layers, fitted to the small networks that the tables measured them in.
 *
 *   mnas profile --space mnasnet-tiny --out tiny.json && mnas profile --space mnasnet --size 96 --out large.json
 *   node scripts/latency-prior.ts assets/latency-prior.json tiny.json large.json
 */
import { compare } from "../src/device/predict/fit.ts";
import { fitModel, type Model, type Sample } from "../src/device/predict/models.ts";
import { pointOf, writePredictor } from "../src/device/predict/predictor.ts";
import { provenanceChanges } from "../src/device/provenance.ts";
import { keyOf } from "../src/device/table/parts.ts";
import { networkAround } from "../src/device/table/profile.ts";
import { partsOfSpace } from "../src/device/table/space.ts";
import { readTable, type LatencyTable } from "../src/device/table/table.ts";
import { presetSpace } from "../src/space/presets.ts";
import { buildNetwork } from "../src/arch/network.ts";
import { deviceModel } from "../src/device/model.ts";
import { createRng } from "../src/util/rng.ts";
import { version } from "../src/version.ts";

const [to, ...from] = process.argv.slice(2);
if (to === undefined || from.length === 0)
  throw new Error("usage: node scripts/latency-prior.ts PREDICTOR.json TABLE.json…");

const tables = from.map(readTable);
const [{ measuredOn, time }, ...others] = tables as [LatencyTable, ...LatencyTable[]];
for (const other of others) {
  const changes = provenanceChanges(measuredOn, other.measuredOn);
  if (changes.length > 0) throw new Error(`tables are not of one device: ${changes.join(", ")}`);
}
const samples = tables.flatMap(({ space, task, bases, entries, unstable }) => {
  if (space === null || task === null) throw new Error("a table is of no space");
  return partsOfSpace(presetSpace(space), task).flatMap((part): Sample[] => {
    const [key, base] = [keyOf(part), part.kind === "stem" ? 0 : bases[part.size.join("x")]];
    const own = entries[key];
    if (own === undefined || base === undefined || unstable.includes(key)) return [];
    const model = deviceModel(buildNetwork(networkAround(task, part.size, part)));
    return [{ ...pointOf(model, null), ms: own + base }];
  });
});

/** Digits that a price is known to, and more. */
const rounded = (x: number): number => Number(x.toPrecision(5));
const roundedAll = (sums: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(sums).map(([name, x]) => [name, rounded(x)]));
const roundedModel = ({ weights, correction, ...rest }: Model): Model => ({
  ...rest,
  weights: roundedAll(weights),
  correction: correction && {
    ...correction,
    prices: roundedAll(correction.prices),
    layers: correction.layers.map(({ kind, at, weight }) => ({ kind, at: at.map(rounded), weight: rounded(weight) })),
  },
});

const shuffled = createRng("prior").shuffle(samples);
const tested = Math.floor(shuffled.length / 10);
const fitted = shuffled.slice(tested);
const model = roundedModel(fitModel("costs, corrected", fitted));
const heldOut = compare(model, shuffled.slice(0, tested));
writePredictor(to, {
  kind: "latency-predictor",
  version,
  measuredOn,
  time,
  space: null,
  task: null,
  samples: fitted.length,
  heldOut,
  model,
  prior: null,
});
console.log(`${fitted.length} networks of single layers; ${JSON.stringify(heldOut)} of others`);
