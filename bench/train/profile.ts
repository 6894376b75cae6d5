/*
 * Where a training step spends its time, one thread.
 *
 *   node bench/train/profile.ts NETWORK [--stages] [--seconds 20]
 *
 * NETWORK is a name of networks.ts or a notation. Rows are kernels, or with --stages the calls of each stage. Of each call
 * the fastest of all steps counts, so that neighbours on the machine hardly show; what they cost is printed too. GFLOP/s
 * count the network's multiply-adds, not those of padding; GB/s count each value and gradient that a call touches once.
 */
import { parseArgs } from "node:util";
import { buildGraph } from "../../src/arch/build.ts";
import { compile } from "../../src/engine/compile.ts";
import { createEngine } from "../../src/engine/engine.ts";
import { loadKernels } from "../../src/engine/kernels.ts";
import type { Tensor } from "../../src/engine/tensor.ts";
import { median } from "../../src/device/statistics.ts";
import { maddsOf } from "../../src/graph/ops.ts";
import { initWeights } from "../../src/graph/weights.ts";
import { parseArch } from "../../src/space/notation.ts";
import { createRng } from "../../src/util/rng.ts";
import { networks } from "./networks.ts";

interface Row {
  calls: number;
  milliseconds: number;
  flop: number;
  bytes: number;
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { stages: { type: "boolean" }, seconds: { type: "string", default: "20" } },
});
const name = positionals[0] ?? "tiny";
const { notation, batch } = networks.find((network) => network.name === name) ?? { notation: name, batch: 64 };
const graph = buildGraph(parseArch(notation));

/** Stored values by the address of their record, which is how a call names them. */
const { call } = await loadKernels();
const program = compile(graph, call.heapBase(), { batch, labelSmoothing: 0, batchNormMomentum: null, sections: 1 });
const tensors = new Map<number, Tensor>();
const collect = (t: Tensor): void => {
  if (tensors.has(t.record)) return;
  tensors.set(t.record, t);
  t.inputs.forEach(collect);
};
collect(program.logits);

/** What a call computes and moves, and the stage that it belongs to: of the values that it names, the last. */
function describe(kernel: string, args: readonly number[]): { stage: string; flop: number; bytes: number } {
  const named = [...new Set(args)].flatMap((arg) => tensors.get(arg) ?? []);
  const t = named.toSorted((a, b) => b.index - a.index)[0];
  if (t === undefined) {
    // Five passes over the weights of an update; another order is read and written.
    const isReordered = kernel === "transpose" || kernel.startsWith("pack");
    const bytes = kernel === "sgd" ? 5 * args[3]! : isReordered ? 8 * args[0]! * args[1]! : 0;
    return { stage: kernel, flop: 0, bytes };
  }
  const isBackward = kernel.endsWith("Backward");
  // Go through the 1×1 convolution before a depthwise one too.
  const further = /^expand(For|Back)ward$/.test(kernel) ? t.inputs : [];
  const isProduct = /^(pointwise|conv|depthwise)/.test(kernel) || further.length > 0;
  const gradients = isBackward && t.inputs.some((x) => x.needsGradient) ? 4 : 2;
  const isSmall = kernel.startsWith("norm") || kernel === "meanBackward";
  const touched = kernel === "expandStatistics" ? t.inputs : named;
  const passes = kernel === "closeGradient" || (isBackward && kernel !== "copyBackward") ? 2 : 1;
  return {
    stage: `${t.index} ${t.kind} ${t.shape.join("×")}`,
    flop: isProduct ? [t, ...further].reduce((sum, { node }) => sum + gradients * maddsOf(node) * batch, 0) : 0,
    bytes: isSmall ? 0 : touched.reduce((sum, { rows, width }) => sum + 4 * rows * width * passes, 0),
  };
}

/** The calls of a step in their order, and the fewest milliseconds that each took. */
const calls: { kernel: string; args: number[]; milliseconds: number }[] = [];
let next = 0;
/** A kernel that keeps the time of each call of a step. */
function timed(kernel: string, run: (...args: number[]) => number): (...args: number[]) => number {
  return (...args) => {
    const start = performance.now();
    const result = run(...args);
    const milliseconds = performance.now() - start;
    const own = (calls[next++] ??= { kernel, args, milliseconds });
    own.milliseconds = Math.min(own.milliseconds, milliseconds);
    return result;
  };
}

// The engine takes its kernels from here, so it need not know that they are timed.
const { instantiate } = WebAssembly;
Object.assign(WebAssembly, {
  async instantiate(...args: Parameters<typeof instantiate>) {
    const { exports } = await instantiate(...args);
    const wrapped = Object.entries(exports as Record<string, (...args: number[]) => number>).map(
      ([kernel, run]) => [kernel, typeof run === "function" ? timed(kernel, run) : run] as const,
    );
    return { exports: Object.fromEntries(wrapped) };
  },
});
const optimizer = { kind: "sgd", momentum: 0.9, nesterov: true } as const;
const engine = await createEngine(graph, {
  batch,
  optimizer,
  weightDecay: 1e-4,
  labelSmoothing: 0,
  emaDecay: null,
  seed: 0,
});
engine.setWeights(initWeights(graph, createRng(0)));
const rng = createRng(1);
for (let p = 0; p < engine.images.length; p++) engine.images[p] = rng.normal();
engine.labels.forEach((_, n) => (engine.labels[n] = rng.int(graph.output.shape[2])));

for (const warmupEnd = performance.now() + 1000; performance.now() < warmupEnd;) engine.step(1e-3);
calls.length = 0;
const steps: number[] = [];
for (const end = performance.now() + 1000 * Number(values.seconds); performance.now() < end;) {
  const start = performance.now();
  next = 0;
  engine.step(1e-3);
  steps.push(performance.now() - start);
}
const rows = new Map<string, Row>();
for (const { kernel, args, milliseconds } of calls) {
  const { stage, flop, bytes } = describe(kernel, args);
  const key = values.stages === true ? `${stage} ${kernel}` : kernel;
  const row = rows.get(key) ?? { calls: 0, milliseconds: 0, flop: 0, bytes: 0 };
  rows.set(key, row);
  row.calls += 1;
  row.milliseconds += milliseconds;
  row.flop += flop;
  row.bytes += bytes;
}
const total = calls.reduce((sum, { milliseconds }) => sum + milliseconds, 0);

const sorted = [...rows].toSorted(([, a], [, b]) => b.milliseconds - a.milliseconds);
const width = Math.max(...sorted.map(([key]) => key.length));
const rate = (amount: number, ms: number): string => (amount === 0 ? "–" : (amount / ms / 1e6).toFixed(1)).padStart(9);
console.log(
  `${name}, batch ${batch}: ${total.toFixed(2)} ms/step, ${((1000 * batch) / total).toFixed(0)} images/s by the fastest of ` +
    `${steps.length} steps for each call; whole steps took at least ${Math.min(...steps).toFixed(2)}, in the median ${median(steps).toFixed(2)} ms`,
);
console.log(`${"".padEnd(width)}  calls  ms/step  share  GFLOP/s     GB/s`);
for (const [key, { calls: count, milliseconds, flop, bytes }] of sorted) {
  const share = `${((100 * milliseconds) / total).toFixed(1)} %`;
  const counts = `${String(count).padStart(5)} ${milliseconds.toFixed(3).padStart(8)} ${share.padStart(7)}`;
  console.log(`${key.padEnd(width)}  ${counts}${rate(flop, milliseconds)}${rate(bytes, milliseconds)}`);
}
