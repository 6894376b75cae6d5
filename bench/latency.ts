/*
 * How far the latencies of device `host` can be trusted on this machine.
 *
 *   node bench/latency.ts [--networks 20] [--seed 1] [--json]
 *
 * 1. Random networks of `mnasnet-tiny` for 28×28 images, measured twice by two devices opened one after the other: the
 *    rank correlation of the two passes. The bar is 0.97.
 * 2. What a call of onnxruntime-node takes that is not the network's. `call` is the median of a plain call and
 *    `overhead` that of a model that does nothing; `device` is what the device reports, the difference. `inside` knows
 *    nothing of calls: the network runs in an ONNX Loop, and counts as the time that one more turn takes, less that of
 *    a turn that does nothing.
 */
import type { Latency } from "../src/latency.ts";
import { parseArgs } from "node:util";
import * as ort from "onnxruntime-node";
import { buildGraph } from "../src/arch/build.ts";
import { allowedCores, pinToFastest } from "../src/device/cores.ts";
import type { DeviceModel } from "../src/device/device.ts";
import { sessionOptions } from "../src/device/host-session.ts";
import { openDevice } from "../src/device/open.ts";
import { doNothingModel } from "../src/device/overhead.ts";
import { timeRuns } from "../src/device/protocol.ts";
import { openQuietLock } from "../src/util/quiet.ts";
import { median } from "../src/device/statistics.ts";
import { costsOf } from "../src/graph/costs.ts";
import { initWeights } from "../src/graph/weights.ts";
import { attributeTypes, decode, elementTypes, encode, type Message } from "../src/lower/onnx-proto.ts";
import { toOnnx } from "../src/lower/onnx.ts";
import { archOf, type Arch } from "../src/space/arch.ts";
import { formatArch } from "../src/space/notation.ts";
import { mnasnetTinySpace } from "../src/space/presets.ts";
import { sample } from "../src/space/space.ts";
import { kendallTau, spearman } from "../src/util/correlation.ts";
import { createRng } from "../src/util/rng.ts";
import { version } from "../src/version.ts";

const { values: options } = parseArgs({
  options: {
    networks: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const bar = 0.97;
const task = { height: 28, width: 28, channels: 1, classes: 10 };
const inputs = { image: { dims: [1, task.channels, task.height, task.width] } };
const outputs = { logits: { dims: [1, task.classes] } };

const say = (text: string): void => void (options.json || console.log(text));
const row = (...cells: readonly string[]): void => say(cells.map((cell) => cell.padStart(11)).join(""));
const us = (ms: number): string => `${(1000 * ms).toFixed(1)} µs`;

function modelOf(name: string, arch: Arch): DeviceModel & { readonly madds: number } {
  const graph = buildGraph(arch);
  const preprocessing = { mean: [0], deviation: [1], ...task };
  const onnx = toOnnx(graph, initWeights(graph, createRng(0)), { version, notation: name, classes: [], preprocessing });
  return { name, madds: costsOf(graph).madds, graph, onnx: () => onnx, tflite: null };
}

const randomNetworks = Array.from({ length: Number(options.networks) }, (_, i) => {
  const genotype = sample(mnasnetTinySpace, createRng(options.seed).fork(i));
  const arch = archOf(mnasnetTinySpace, genotype, task);
  return modelOf(formatArch(arch), arch);
});

interface Pass {
  readonly device: string;
  readonly seconds: number;
  readonly latencies: readonly Latency[];
}

async function measureAll(models: readonly DeviceModel[]): Promise<Pass> {
  await using device = await openDevice("host");
  const start = performance.now();
  const latencies: Latency[] = [];
  for (const model of models) latencies.push(await device.measure(model));
  return { device: device.description, seconds: (performance.now() - start) / 1000, latencies };
}

/** A model whose input `trips` says how many times one call runs the network. */
function looped(bytes: Uint8Array): Uint8Array {
  const { graph, ...model } = decode("Model", bytes);
  const scalar = (name: string, element: number): Message<"Value"> => ({
    name,
    type: { tensor: { element, shape: {} } },
  });
  const body: Message<"Graph"> = {
    ...graph,
    name: "turn",
    nodes: [{ type: "Identity", inputs: ["go"], outputs: ["goOn"] }, ...graph!.nodes!],
    inputs: [
      scalar("i", elementTypes.int64),
      scalar("go", elementTypes.bool),
      { ...graph!.outputs![0]!, name: "last" },
    ],
    outputs: [scalar("goOn", elementTypes.bool), graph!.outputs![0]!],
  };
  return encode("Model", {
    ...model,
    graph: {
      name: "looped",
      nodes: [
        {
          type: "Loop",
          inputs: ["trips", "yes", "first"],
          outputs: ["result"],
          attributes: [{ name: "body", graph: body, type: attributeTypes.graph }],
        },
      ],
      initializers: [
        { name: "yes", type: elementTypes.bool, dims: [], data: Uint8Array.of(1) },
        { name: "first", type: elementTypes.float, dims: outputs.logits.dims, data: new Uint8Array(4 * task.classes) },
      ],
      inputs: [...graph!.inputs!, scalar("trips", elementTypes.int64)],
      outputs: [{ ...graph!.outputs![0]!, name: "result" }],
    },
  });
}

const tensorOf = (dims: readonly number[]): ort.Tensor =>
  new ort.Tensor(
    "float32",
    Float32Array.from({ length: dims.reduce((n, size) => n * size, 1) }, (_, i) => (i % 7) / 7),
    dims,
  );
const image = tensorOf(inputs.image.dims);

async function withSession<T>(bytes: Uint8Array, work: (session: ort.InferenceSession) => Promise<T>): Promise<T> {
  const session = await ort.InferenceSession.create(bytes, sessionOptions);
  try {
    return await work(session);
  } finally {
    await session.release();
  }
}

const timing = { warmupMs: 30, minMs: 100, maxMs: 150 };
const medianOf = async (run: () => Promise<unknown>): Promise<number> => median((await timeRuns(run, timing)).samples);
const rounds = [0, 1, 2];

/** Median milliseconds of one plain call, over sessions, of which each has its own memory. */
async function callMs(bytes: Uint8Array): Promise<number> {
  const all: number[] = [];
  for (const _ of rounds) all.push(await withSession(bytes, (session) => medianOf(() => session.run({ image }))));
  return median(all);
}

/** Milliseconds that one more turn of the network adds to a call. */
async function turnMs(bytes: Uint8Array): Promise<number> {
  const [few, many] = [1, 17].map((trips) => ({
    image,
    trips: new ort.Tensor("int64", BigInt64Array.of(BigInt(trips)), []),
  }));
  const all: number[] = [];
  for (const _ of rounds) {
    const ms = await withSession(looped(bytes), async (session) => {
      const short = await medianOf(() => session.run(few!));
      return (await medianOf(() => session.run(many!))) - short;
    });
    all.push(ms / 16);
  }
  return median(all);
}

async function overheads(models: readonly DeviceModel[]) {
  await using device = await openDevice("host");
  using lock = openQuietLock();
  // The device's process was started before and keeps all cores to choose from.
  const nothing = doNothingModel(inputs, outputs);
  await withSession(nothing, (session) => pinToFastest(allowedCores(), () => medianOf(() => session.run({ image }))));
  const emptyTurnMs = await lock.exclusive(() => turnMs(nothing));
  const rows = [];
  for (const model of models) {
    const { medianMs, overheadMs } = await device.measure(model);
    const { call, inside } = await lock.exclusive(async () => ({
      call: await callMs(model.onnx()),
      inside: (await turnMs(model.onnx())) - emptyTurnMs,
    }));
    rows.push({ network: model.name, callMs: call, overheadMs, deviceMs: medianMs, insideMs: inside });
  }
  return { emptyTurnMs, rows };
}

const first = await measureAll(randomNetworks);
const second = await measureAll(randomNetworks);
const [a, b] = [first, second].map(({ latencies }) => latencies.map(({ medianMs }) => medianMs));
const differences = a!.map((ms, i) => Math.abs(b![i]! / ms - 1));
const madds = randomNetworks.map((model) => model.madds);
const repeatability = {
  networks: randomNetworks.length,
  seed: options.seed,
  spearman: spearman(a!, b!),
  kendall: kendallTau(a!, b!),
  medianDifference: median(differences),
  largestDifference: Math.max(...differences),
  disturbed: [first, second].flatMap(({ latencies }) => latencies).filter(({ isUnstable }) => isUnstable).length,
  secondsPerNetwork: (first.seconds + second.seconds) / 2 / randomNetworks.length,
  spearmanOfMadds: spearman(madds, a!),
  bar,
};

say(
  `${first.device}\n\n${randomNetworks.length} random networks of ${mnasnetTinySpace.name}, 28×28, seed ${options.seed}, two passes`,
);
row("pass 1", "pass 2", "difference", "M madds");
a!.forEach((ms, i) =>
  row(us(ms), us(b![i]!), `${(100 * (b![i]! / ms - 1)).toFixed(1)} %`, (madds[i]! / 1e6).toFixed(2)),
);
say(`rank correlation of the passes   Spearman ${repeatability.spearman.toFixed(4)} (bar ${bar}), Kendall ${repeatability.kendall.toFixed(4)}
difference of the passes         median ${(100 * repeatability.medianDifference).toFixed(1)} %, largest ${(100 * repeatability.largestDifference).toFixed(1)} %
measured on a disturbed machine  ${repeatability.disturbed} of ${2 * randomNetworks.length}
time of a measurement            ${repeatability.secondsPerNetwork.toFixed(2)} s
multiply-adds against latency    Spearman ${repeatability.spearmanOfMadds.toFixed(4)}
`);

const bySpeed = randomNetworks.map((model, i) => ({ model, ms: a![i]! })).sort((x, y) => x.ms - y.ms);
const chosen = Object.entries({ fastest: 0, faster: 1 / 3, slower: 2 / 3, slowest: 1 }).map(([name, share]) => {
  const { model } = bySpeed[Math.round(share * (bySpeed.length - 1))]!;
  return { ...model, name };
});
const overhead = await overheads(chosen);
say("What a call takes besides the network: four of the above");
row("network", "call", "overhead", "share", "device", "inside", "off by");
for (const { network, ...ms } of overhead.rows) {
  const share = `${((100 * ms.overheadMs) / ms.callMs).toFixed(1)} %`;
  const off = `${(100 * (ms.deviceMs / ms.insideMs - 1)).toFixed(1)} %`;
  row(network, us(ms.callMs), us(ms.overheadMs), share, us(ms.deviceMs), us(ms.insideMs), off);
}
say(`(a turn of the loop that does nothing takes ${us(overhead.emptyTurnMs)})`);

const networks = randomNetworks.map(({ name }, i) => ({
  notation: name,
  madds: madds[i]!,
  firstMs: a![i]!,
  secondMs: b![i]!,
}));
if (options.json) console.log(JSON.stringify({ device: first.device, repeatability, networks, overhead }, null, 2));
if (!(repeatability.spearman >= bar)) process.exitCode = 1;
