import { readFileSync } from "node:fs";
import { join } from "node:path";
import { buildGraph } from "../../src/arch/build.ts";
import { tableSamples } from "../../src/cli/fit-table.ts";
import { findNetwork } from "../../src/cli/network.ts";
import { openModelFile } from "../../src/device/file/open.ts";
import { layersOf } from "../../src/device/predict/features.ts";
import { builtInPrior, openPredictor, type Predictor } from "../../src/device/predict/predictor.ts";
import { openTable } from "../../src/device/table/device.ts";
import { keyOf, layeredParts } from "../../src/device/table/parts.ts";
import { emptyTable, type LatencyTable } from "../../src/device/table/table.ts";
import type { LatencyDevice } from "../../src/device/device.ts";
import { initWeights } from "../../src/graph/weights.ts";
import { readOnnxMetadata } from "../../src/lower/onnx.ts";
import { readTable } from "../../src/replay/table.ts";
import { parametersOf } from "../../src/graph/graph.ts";
import { parseArch } from "../../src/space/notation.ts";
import { networkOf, buildNetwork } from "../../src/arch/network.ts";
import { deviceModel } from "../../src/device/model.ts";
import { loadCheckpoint, saveCheckpoint } from "../../src/train/checkpoint.ts";
import type { TrainingFacts } from "../../src/train/facts.ts";
import { recipes } from "../../src/train/presets.ts";
import { loadState, saveState, type TrainIdentity } from "../../src/train/state.ts";
import { createRng } from "../../src/util/rng.ts";
import { folderOf, withFile } from "./folder.ts";
import { must, type Reader } from "./reader.ts";

const dir = folderOf();
export const notation = "in8x8x1 stem4_k3_s22 r2_k3_s22_e3_i4_o4_se0.25 head6 drop0.2 classes3";
const graph = buildGraph(parseArch(notation));
const weights = initWeights(graph, createRng(1));
const model = deviceModel(buildNetwork(parseArch(notation)), weights);

const facts: TrainingFacts = {
  classes: ["a", "b", "c"],
  mean: [0.5],
  deviation: [0.25],
  crop: 1,
  data: { name: "data", key: "key", seed: 1 },
  recipe: { ...recipes.final },
  accuracy: 0.5,
  testAccuracy: null,
};
const identity: TrainIdentity = {
  network: notation,
  data: "key",
  seed: "a",
  workers: 1,
  init: null,
  recipe: recipes.proxy,
};

/** The bytes that a writer leaves in a file. */
function written(write: (file: string) => void): Buffer {
  const file = join(dir, "sample");
  write(file);
  return readFileSync(file);
}

/** The same weights as another program writes them, without a checksum, so that changes are not refused for that. */
const unsigned = (bytes: Buffer): Buffer =>
  Buffer.from(
    bytes.toString("latin1").replace(/"sha256":"(\w+)"/, (_, sum: string) => `"sha25x":"${sum}"`),
    "latin1",
  );

const checkpoint = written((file) => saveCheckpoint(file, graph, { notation, weights, facts }));
const state = written((file) =>
  saveState(file, graph, { steps: 9, sections: new Map([["weights", weights]]) }, identity),
);

const measuredOn = {
  name: "host",
  description: "host",
  device: "host",
  os: "Linux",
  runtime: "engine",
  runtimeVersion: "1",
  provider: "CPU",
  threads: 1,
};
const arch = parseArch(notation);
const table: LatencyTable = {
  ...emptyTable(measuredOn, { task: arch.task }),
  heldOut: { mape: 0.1, kendall: 0.9, spearman: null, networks: 5 },
  bases: { "4x4x4": 0.1 },
  entries: Object.fromEntries(layeredParts(arch).map((part, i) => [keyOf(part), 0.1 + i])),
};
const predictor: Predictor = {
  kind: "latency-predictor",
  version: "0.1.0",
  measuredOn,
  time: null,
  space: null,
  task: null,
  samples: 5,
  heldOut: { mape: 0.1, kendall: 0.9, spearman: 0.9, networks: 5 },
  model: {
    kind: "prior, corrected",
    weights: { prior: 1.5, call: 0.1 },
    correction: {
      prices: { nodes: 0.1, call: 0.1 },
      length: 2,
      layers: layersOf(graph).map(({ kind, at }) => ({ kind, at, weight: 0.1 })),
    },
  },
  prior: table,
};

async function predictedBy(device: LatencyDevice): Promise<void> {
  await using open = device;
  const { medianMs } = await open.measure(model);
  must(medianMs > 0 && medianMs < Infinity, `a network takes ${medianMs} ms`);
}

const cells = ["00", "01", "10", "11"].map((key, i) => ({
  arch: key,
  test_acc: [90 + i, 91],
  latencyMs: i + 1,
  flops: 1e6 * i + 1,
}));
const replayCsv = (mark: string): string =>
  ["arch,accuracy,latencyMs", "|a~0|b~1|,0.9,1", "|a~0|c~1|,0.8,2", "|b~0|b~1|,0.7,nan"]
    .map((line) => line.replaceAll(",", mark))
    .join("\n");

const networks = [
  "mnasnet-a1",
  notation,
  "mobilenet-v2",
  ...Array.from({ length: 9 }, (_, i) => notation.replace("head6", `head${i + 7}`)),
];
const prior = builtInPrior();

/** A file of weights with another header. */
function withHeader(file: Buffer, header: Uint8Array): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([size, header, file.subarray(8 + Number(file.readBigUInt64LE(0)))]);
}

/** The header of a file of weights without its checksum, so that changes are not refused for that. */
const headerOf = (file: Buffer): Buffer =>
  Buffer.from(
    file
      .toString("utf8", 8, 8 + Number(file.readBigUInt64LE(0)))
      .trim()
      .replace(/,"sha256":"\w+"/, ""),
  );

const readWeightsFile = (input: Uint8Array): Promise<void> =>
  withFile(dir, "w.safetensors", input, (file) => {
    const read = loadCheckpoint(file);
    for (const { name, shape } of parametersOf(buildGraph(parseArch(read.notation))))
      must(read.weights.get(name)?.length === shape.reduce((n, d) => n * d, 1), "an array has another length");
    const { mean = [], deviation = [] } = read.facts ?? {};
    must([...mean, ...deviation].every(Number.isFinite), "its mean or deviation is no number");
    must(
      deviation.every((value) => value > 0),
      "its deviation is not above 0",
    );
  });

const readStateFile = (input: Uint8Array): Promise<void> =>
  withFile(dir, "w.state", input, (file) => {
    const { steps, sections } = loadState(file, graph, identity);
    must(Number.isSafeInteger(steps) && steps >= 0, `it has ${steps} steps`);
    must(sections.has("weights"), "it has no weights");
    for (const section of sections.values())
      for (const { name, shape } of parametersOf(graph))
        must(section.get(name)?.length === shape.reduce((n, d) => n * d, 1), "an array has another length");
  });

/** A state that says of its training what the input does. */
function withIdentity(text: Uint8Array): Buffer {
  const header = JSON.parse(headerOf(state).toString()) as { __metadata__: Record<string, string> };
  header.__metadata__["identity"] = Buffer.from(text).toString();
  return withHeader(state, Buffer.from(JSON.stringify(header)));
}

export const fileReaders: readonly Reader[] = [
  { name: "weights", samples: [checkpoint, unsigned(checkpoint)], read: readWeightsFile },
  {
    name: "headers of weights",
    samples: [headerOf(checkpoint)],
    read: (input) => readWeightsFile(withHeader(checkpoint, input)),
  },
  { name: "states of trainings", samples: [state, unsigned(state)], read: readStateFile },
  {
    name: "headers of states",
    samples: [headerOf(state)],
    read: (input) => readStateFile(withHeader(state, input)),
  },
  {
    name: "identities of states",
    samples: [JSON.stringify(identity)],
    read: (input) => readStateFile(withIdentity(input)),
    share: 0.5,
  },
  {
    name: "ONNX",
    samples: [model.onnx()],
    read: (input) =>
      withFile(dir, "m.onnx", input, (file) => {
        const { inputs = [] } = openModelFile(file, { size: 8 }).model;
        must(
          inputs.every(({ shape }) => shape.every((size) => Number.isSafeInteger(size) && size >= 0)),
          "a size of its inputs is no whole number",
        );
        openModelFile(file, { size: 8 }).model.onnx();
        readOnnxMetadata(input);
      }),
  },
  {
    name: "TFLite",
    samples: [model.tflite!()],
    read: (input) => withFile(dir, "m.tflite", input, (file) => openModelFile(file, {}).model.tflite!()),
  },
  {
    name: "tables of replay",
    samples: [
      JSON.stringify(cells),
      JSON.stringify(Object.fromEntries(cells.map((row) => [row.arch, row]))),
      replayCsv(","),
      replayCsv(";"),
    ],
    read: (input) =>
      withFile(dir, "t.csv", input, (file) => {
        const { entries } = readTable(file);
        must(entries.size > 0, "it has no entries");
        for (const { accuracies, cost, costs } of entries.values()) {
          must(
            accuracies.length > 0 && accuracies.every((value) => value >= 0 && value <= 1),
            "an accuracy is no share",
          );
          must(
            [cost, ...costs].every((value) => value > 0 && value < Infinity),
            "a cost is not above 0",
          );
        }
      }),
  },
  {
    name: "tables of latencies",
    samples: [JSON.stringify(table)],
    read: (input) => withFile(dir, "l.json", input, (file) => predictedBy(openTable(file))),
  },
  {
    name: "predictors",
    samples: [JSON.stringify(predictor)],
    read: (input) => withFile(dir, "p.json", input, (file) => predictedBy(openPredictor(file))),
  },
  {
    name: "measurements",
    samples: [["network,ms", ...networks.map((network, i) => `${network},${i + 1}`)].join("\n")],
    share: 0.5,
    read: (input) =>
      withFile(dir, "m.csv", input, (measurements) => {
        const { fitted, tested } = tableSamples({ measurements, json: true }, prior);
        must(
          [...fitted, ...tested].every(({ ms }) => ms > 0 && ms < Infinity),
          "a time is not above 0",
        );
      }),
  },
  {
    name: "networks, JSON",
    samples: [JSON.stringify({ notation })],
    read: (input) => withFile(dir, "n.json", input, (file) => networkOf(findNetwork(file).arch)),
  },
];
