import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { zooArch } from "../src/arch/zoo.ts";
import { openMadds } from "../src/device/madds.ts";
import { compare, fitBest } from "../src/device/predict/fit.ts";
import { dot, factor, nonNegativeLeastSquares } from "../src/device/predict/linear.ts";
import { fitModel, predict, usableKinds, type Sample } from "../src/device/predict/models.ts";
import { builtInPrior, pointOf, type Predictor } from "../src/device/predict/predictor.ts";
import { differentNetworks, measureNetworks } from "../src/device/predict/sample.ts";
import type { LatencyTable } from "../src/device/table/table.ts";
import { exitCodes, MnasError } from "../src/errors.ts";
import { joinPort } from "../src/device/remote/address.ts";
import { mnasnetTinySpace } from "../src/space/presets.ts";
import { buildNetwork } from "../src/arch/network.ts";
import { deviceModel } from "../src/device/model.ts";
import { openFinalsDevice } from "../src/study/finals-device.ts";
import type { Study } from "../src/study/study.ts";
import { createRng } from "../src/util/rng.ts";
import { linearDevice, randomModel, smallSpace, syntheticDevice, task } from "./latency-devices.ts";
import { mnas, scratch } from "./mnas.ts";

const value = fc.double({ min: -3, max: 3, noNaN: true });
const matrix = (rows: number, columns: number) =>
  fc.array(fc.array(value, { minLength: columns, maxLength: columns }), { minLength: rows, maxLength: rows });

test("factor() finds what a positive definite matrix was multiplied by, and the diagonal of its inverse", () => {
  fc.assert(
    fc.property(matrix(5, 5), fc.array(value, { minLength: 5, maxLength: 5 }), (b, x) => {
      const a = b.map((p, i) => b.map((q, j) => dot(p, q) + (i === j ? 1 : 0)));
      const { solve, inverseDiagonal } = factor(a);
      const found = solve(a.map((row) => dot(row, x)));
      found.forEach((each, i) => expect(each).toBeCloseTo(x[i]!, 8));
      const inverse = a.map((_, i) => solve(a.map((__, j) => (i === j ? 1 : 0)))[i]!);
      inverseDiagonal().forEach((each, i) => expect(each).toBeCloseTo(inverse[i]!, 8));
    }),
  );
});

test("nonNegativeLeastSquares() leaves no weight that would better grow, or shrink without getting negative", () => {
  fc.assert(
    fc.property(matrix(8, 4), fc.array(value, { minLength: 8, maxLength: 8 }), (x, y) => {
      const w = nonNegativeLeastSquares(x, y, [0.1, 0.1, 0.1, 0.1]);
      const residual = x.map((row, i) => dot(row, w) - y[i]!);
      w.forEach((weight, j) => {
        const slope = dot(
          x.map((row) => row[j]!),
          residual,
        );
        expect(weight).toBeGreaterThanOrEqual(0);
        const gradient = slope + 0.1 * weight;
        if (weight > 0) expect(gradient).toBeCloseTo(0, 6);
        else expect(gradient).toBeGreaterThanOrEqual(-1e-6);
      });
    }),
  );
});

const samplesOf = async (device: ReturnType<typeof linearDevice>, count: number, space = mnasnetTinySpace) => {
  const models = differentNetworks(space, task, count, createRng("samples")).map((arch) =>
    deviceModel(buildNetwork(arch)),
  );
  const { times } = await measureNetworks(device, models);
  return models.map((model, i) => ({ ...pointOf(model, null), ms: times[i]! }));
};

test("a device that has a price for each kind of work is predicted within a percent from 30 networks", async () => {
  const samples = await samplesOf(linearDevice(), 80);
  const { model } = fitBest(samples.slice(0, 30));
  const heldOut = compare(model, samples.slice(30));
  expect(heldOut.networks).toBe(50);
  expect(heldOut.mape).toBeLessThan(0.01);
  expect(heldOut.kendall).toBeGreaterThan(0.97);
});

test("a prior that is right but for its scale and offset is found out from few networks", async () => {
  const samples = (await samplesOf(linearDevice(), 60)).map((sample) => ({ ...sample, priorMs: 3 * sample.ms - 0.02 }));
  const few = samples.slice(0, 8);
  const model = fitModel("prior", few);
  expect(compare(model, samples.slice(8)).mape).toBeLessThan(1e-6);
  expect(fitBest(few).kinds[0]!.mape).toBeLessThan(1e-6);
});

test("what a device does better or worse than its prior says is found out from few networks", async () => {
  const samples = await samplesOf(linearDevice(), 80);
  const mean = (of: (sample: Sample) => number): number => samples.reduce((sum, sample) => sum + of(sample), 0) / 80;
  /** The prior of a device that takes so much longer, as a share of its time, for work of a kind. */
  const withPrior = (kind: string, share: number): Sample[] => {
    const price = (share * mean(({ ms }) => ms)) / mean(({ costs }) => costs[kind] ?? 0);
    return samples.map((sample) => ({ ...sample, priorMs: sample.ms + price * (sample.costs[kind] ?? 0) }));
  };
  const error = (kind: "prior" | "prior and trends", all: readonly Sample[]): number =>
    compare(fitModel(kind, all.slice(0, 30)), all.slice(30)).mape;
  for (const kind of ["multiply-adds", "weights"])
    for (const share of [0.4, -0.2])
      expect(error("prior and trends", withPrior(kind, share))).toBeLessThan(
        0.7 * error("prior", withPrior(kind, share)),
      );
  expect(error("prior and trends", withPrior("weights", 0))).toBeLessThan(1e-6);
});

test("a correction learns which layers are dearer than their costs, and leaves alone what costs say", async () => {
  const plain = await samplesOf(linearDevice(), 110);
  // Depthwise convolutions get the dearer the more channels they have.
  const dearer = linearDevice(({ kind, at }) => (kind === "DepthwiseConv" ? at[2]! / 3 : 1));
  const bent = await samplesOf(dearer, 110);
  const error = (kind: "costs" | "costs, corrected", all: readonly Sample[]): number =>
    compare(fitModel(kind, all.slice(0, 80)), all.slice(80)).mape;
  expect(error("costs, corrected", bent)).toBeLessThan(0.7 * error("costs", bent));
  expect(error("costs, corrected", plain)).toBeLessThan(0.01);
});

test("the built-in prior is of no space, and dearer for a larger image", () => {
  const prior = builtInPrior();
  const msOf = (size: number): number => {
    const arch = zooArch("mnasnet-small", { task: { height: size, width: size, classes: 10 } });
    return pointOf(deviceModel(buildNetwork(arch)), prior).priorMs!;
  };
  expect(prior).toMatchObject({ space: null, task: null });
  expect(msOf(224)).toBeGreaterThan(2 * msOf(96));
  expect(msOf(96)).toBeGreaterThan(0.1);
});

test("cross-validation predicts each network by models that have not seen it: noise stays noise", async () => {
  const rng = createRng("noise");
  const samples = (await samplesOf(linearDevice(), 30)).map((sample) => ({ ...sample, ms: 1 + 2 * rng.next() }));
  // The best that knows nothing says the same of all.
  const constant = 1.8;
  const blind = samples.reduce((sum, { ms }) => sum + Math.abs(constant / ms - 1), 0) / samples.length;
  for (const { mape } of fitBest(samples).kinds) expect(mape).toBeGreaterThan(0.9 * blind);
});

test("kinds with a prior are only for samples that have one", async () => {
  const samples = await samplesOf(linearDevice(), 6);
  expect(usableKinds(samples)).toEqual(["costs", "costs, corrected"]);
  expect(usableKinds(samples.map((sample) => ({ ...sample, priorMs: 1 })))).toHaveLength(6);
});

test("a model says the same when it comes back from a file", async () => {
  const samples = await samplesOf(linearDevice(), 30);
  const model = fitModel("costs, corrected", samples);
  const copy = JSON.parse(JSON.stringify(model)) as typeof model;
  for (const sample of samples) expect(predict(copy, sample)).toBe(predict(model, sample));
});

test("a model file, of which the layers are not known, cannot be predicted", () => {
  expect(() => pointOf({ name: "m.onnx", graph: null }, null)).toThrow(
    expect.objectContaining({ code: "MODEL_INVALID" }),
  );
});

test("a space of few networks has no more to give", () => {
  expect(() => differentNetworks(smallSpace, task, 5000, createRng(0))).toThrow(
    expect.objectContaining({ code: "USAGE" }),
  );
});

test("samples that were measured while the device was not stable are counted", async () => {
  const device = syntheticDevice(() => 1);
  const shaky = {
    ...device,
    measure: async (...args: Parameters<typeof device.measure>) => ({
      ...(await device.measure(...args)),
      isUnstable: args[0].name === randomModel(1).name,
    }),
  };
  const models = [1, 2, 3].map((seed) => randomModel(seed));
  expect((await measureNetworks(shaky, models)).unstable).toBe(1);
});

const toyConfig = `
const oneOf = (tag, choices) => ({ kind: "oneOf", tag, choices });
export default {
  space: {
    name: "toy",
    template: {
      stem: { kernel: 3, stride: 2, filters: 8 },
      blocks: [
        { op: oneOf("op", ["sepconv", "mbconv3"]), kernel: oneOf("kernel", [3, 5]), stride: 2, filters: oneOf("filters", [8, 12]),
          layers: oneOf("layers", [1, 2]), seRatio: oneOf("seRatio", [0, 0.25]), skip: oneOf("skip", ["none", "pool"]) },
      ],
      head: { filters: 0 },
      dropout: 0,
    },
    decisions: [],
  },
  target: 0.02,
  proxy: { epochs: 0.1, batch: 32 },
  final: { epochs: 0.1, batch: 32 },
};
`;

test("mnas fit states its error, the search refuses a predictor that ranks badly, and measures its finalists", async () => {
  using folder = scratch();
  const write = (name: string, content: string): void => writeFileSync(join(folder.dir, name), content);
  write("mnas.config.ts", toyConfig);
  const fitted = await mnas(
    ["fit", "--device", "madds", "--samples", "12", "--held-out", "6", "--out", "p.json", "--json"],
    folder.dir,
  );
  expect(fitted.code).toBe(0);
  const said = JSON.parse(fitted.stdout) as { heldOut: object };
  expect(said).toMatchObject({
    predictor: "p.json",
    samples: 12,
    unstable: 0,
    heldOut: { mape: expect.any(Number), kendall: expect.any(Number), spearman: expect.any(Number), networks: 6 },
  });
  const file = JSON.parse(readFileSync(join(folder.dir, "p.json"), "utf8")) as Predictor;
  expect(file.heldOut).toEqual(said.heldOut);
  expect(file).toMatchObject({ space: "toy", samples: 12, measuredOn: { name: "madds" }, prior: builtInPrior() });

  const circular = await mnas(["fit", "--device", "predictor:p.json", "--out", "q.json"], folder.dir);
  expect(circular.code).toBe(2);
  expect(circular.stderr).toContain("it predicts");

  write("bad.json", JSON.stringify({ ...file, heldOut: { ...file.heldOut, spearman: 0.89 } }));
  const search = ["search", "--device", "predictor:bad.json", "--trials", "2", "--finalists", "1", "--out", "run"];
  const refused = await mnas(search, folder.dir);
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("its rank correlation with measurements is 0.890, must be at least 0.9");

  const forced = await mnas([...search, "--force", "--json"], folder.dir);
  expect(forced.code).toBe(0);
  const events = forced.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(events.filter(({ event }) => event === "device").map(({ origin }) => origin)).toEqual(["predicted", "proxy"]);
  const [finalist, reference] = events.at(-1)!["finals"] as { predictedMs: number; latencyMs: number; madds: number }[];
  for (const final of [finalist!, reference!]) {
    expect(final.latencyMs).toBe(final.madds / 4e6);
    expect(final.predictedMs).toBeGreaterThan(0);
  }
  expect(readFileSync(join(folder.dir, "run/report.html"), "utf8")).toContain("predictions were off by");
});

test("finalists of a device that cannot be opened stay predicted, and the search says so", async () => {
  using folder = scratch();
  writeFileSync(join(folder.dir, "mnas.config.ts"), toyConfig);
  const profiled = await mnas(["profile", "--device", "madds", "--out", "t.json", "--json"], folder.dir);
  expect(profiled.code).toBe(0);
  const table = readFileSync(join(folder.dir, "t.json"), "utf8").replace('"name": "madds"', '"name": "pixel"');
  writeFileSync(join(folder.dir, "t.json"), table);
  const { code, stdout } = await mnas(
    ["search", "--device", "table:t.json", "--trials", "2", "--finalists", "1", "--out", "run", "--json"],
    folder.dir,
  );
  expect(code).toBe(0);
  const events = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const warnings = events.filter(({ event }) => event === "warning").map(({ message }) => String(message));
  expect(warnings).toContainEqual(expect.stringContaining("finalists are not measured, only predicted"));
  expect(warnings).toContainEqual(expect.stringMatching(/^no baseline for run#\d+: (?!.*in28x28)/));
  expect(events.at(-1)!["finals"]).toMatchObject([{ predictedMs: null, isReference: false, state: "complete" }]);

  // Now the device is there.
  writeFileSync(join(folder.dir, "t.json"), table.replace('"name": "pixel"', '"name": "madds"'));
  const again = await mnas(["search", "--resume", "run", "--json"], folder.dir);
  expect(again.code).toBe(0);
  const { finals } = JSON.parse(again.stdout.trim().split("\n").at(-1)!) as { finals: Record<string, unknown>[] };
  const own = finals.filter(({ isReference }) => isReference !== true);
  expect(own).toMatchObject([{ predictedMs: expect.any(Number) as number, state: "complete" }]);
});

test("a search does not go on with latencies of another device, unless it is forced to", async () => {
  using folder = scratch();
  writeFileSync(join(folder.dir, "mnas.config.ts"), toyConfig);
  expect((await mnas(["profile", "--device", "madds", "--out", "t.json"], folder.dir)).code).toBe(0);
  const args = ["--trials", "2", "--finalists", "0", "--json"];
  expect((await mnas(["search", "--device", "table:t.json", ...args, "--out", "run"], folder.dir)).code).toBe(0);
  const table = JSON.parse(readFileSync(join(folder.dir, "t.json"), "utf8")) as LatencyTable;
  const measuredOn = { ...table.measuredOn, description: "another phone" };
  writeFileSync(join(folder.dir, "t.json"), JSON.stringify({ ...table, measuredOn }));
  const more = ["search", "--resume", "run", "--trials", "4", "--json"];
  const refused = await mnas(more, folder.dir);
  expect(refused.code).toBe(exitCodes.RUN_MISMATCH);
  expect(refused.stderr).toContain("which is another device");
  expect(refused.stderr).toContain("another phone");
  expect((await mnas([...more, "--force"], folder.dir)).code).toBe(0);
});

test("the device of the finals is waited for where the search was told to listen, and Ctrl-C ends that", async () => {
  const predicts = { device: "page:pixel-8", task: null, heldOut: null };
  const ended = new MnasError("INTERRUPTED", "ended");
  const stop = new AbortController();
  const events: Record<string, unknown>[] = [];
  const emit = (event: object): void => {
    events.push({ ...event });
    if ("event" in event && event.event === "join") stop.abort(ended);
  };
  const listen = { host: "127.0.0.1", port: 0 };
  const device = { ...openMadds(), predicts };
  const study = { device, listen, signal: stop.signal, emit } as unknown as Study;
  await expect(openFinalsDevice(study)).rejects.toBe(ended);
  expect(events).toMatchObject([{ event: "join" }]);
  expect(events[0]!["port"]).not.toBe(joinPort);
});

test.each([
  [["fit"], 2, "required option '--out <file>'"],
  [["fit", "--out", "p.json", "--samples", "3"], 2, "It must be an integer of 5 or more."],
  [["fit", "--out", "p.json", "--held-out", "0"], 2, "It must be an integer of 5 or more."],
  [["fit", "--out", "p.json", "--prior", "none.json"], 3, 'Cannot read "none.json"'],
  [["fit", "--out", "there.json"], 2, "it exists"],
  [["fit", "--out", "p.json", "--prior", "there.json"], 2, 'Cannot read latency table or predictor "there.json"'],
  [["search", "--device", "predictor:there.json"], 2, 'there.json": it is something else'],
  [["search", "--device", "madds", "--sustained"], 2, "it computes, and measures nothing"],
])("mnas %j is refused", async (args, code, says) => {
  using folder = scratch();
  writeFileSync(join(folder.dir, "there.json"), "{}");
  const ended = await mnas(args, folder.dir);
  expect(ended.code).toBe(code);
  expect(ended.stderr).toContain(says);
});
