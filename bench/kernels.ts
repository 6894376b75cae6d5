/*
 * Speed of the matrix product and of training, one thread.
 *
 *   node bench/kernels.ts
 *
 * Products have the shapes of pointwise convolutions: rows are pixels of a batch. Training is that of whole networks of
 * a space, all of a step: forward, backward, update. Each figure is the median of 7 rounds.
 */
import { buildGraph } from "../src/arch/build.ts";
import { createEngine } from "../src/engine/engine.ts";
import { loadKernels } from "../src/engine/kernels.ts";
import { costsOf } from "../src/graph/costs.ts";
import { initWeights } from "../src/graph/weights.ts";
import { archOf } from "../src/space/arch.ts";
import { mnasnetTinySpace } from "../src/space/presets.ts";
import { sample } from "../src/space/space.ts";
import { createRng } from "../src/util/rng.ts";

const rounds = 7;

/** Seconds of one run: enough runs to fill a round, median of the rounds. */
function secondsOf(run: () => void, roundSeconds: number): number {
  const start = performance.now();
  let warmups = 0;
  while (performance.now() - start < 1000 * roundSeconds || warmups < 3) {
    run();
    warmups += 1;
  }
  const times = Array.from({ length: rounds }, () => {
    const begin = performance.now();
    for (let i = 0; i < warmups; i++) run();
    return (performance.now() - begin) / 1000 / warmups;
  });
  return times.toSorted((a, b) => a - b)[rounds >> 1]!;
}

console.log("matrix products [rows, depth] · [depth, columns], GFLOP/s");
const { memory, call } = await loadKernels();
memory.grow(1023);
for (const [rows, depth, columns] of [
  [3136, 16, 48],
  [3136, 48, 16],
  [784, 40, 240],
  [784, 240, 40],
  [196, 96, 576],
  [3136, 144, 24],
] as const) {
  const a = call.heapBase() + 64;
  const b = a + 4 * rows * depth + 64;
  const c = b + 4 * depth * Math.ceil(columns / 16) * 16 + 64;
  const zeros = c + 4 * (rows + 4) * columns;
  const multiply = (): number => call.matmulPacked(rows, depth, columns, a, 4 * depth, b, zeros, 0, c, 4 * columns);
  const speed = (2 * rows * depth * columns) / secondsOf(multiply, 0.2) / 1e9;
  console.log(`${[rows, depth, columns].join(" × ").padEnd(18)} ${speed.toFixed(1).padStart(6)}`);
}

console.log("\ntraining steps of 64 images of 28×28×1, random networks of mnasnet-tiny");
const task = { height: 28, width: 28, channels: 1, classes: 10 };
for (let i = 0; i < 6; i++) {
  const graph = buildGraph(archOf(mnasnetTinySpace, sample(mnasnetTinySpace, createRng(i)), task));
  const optimizer = { kind: "sgd", momentum: 0.9, nesterov: true } as const;
  const options = { batch: 64, optimizer, weightDecay: 1e-4, labelSmoothing: 0, emaDecay: null, seed: 0 };
  const engine = await createEngine(graph, options);
  engine.setWeights(initWeights(graph, createRng(0)));
  const rng = createRng(1);
  for (let p = 0; p < engine.images.length; p++) engine.images[p] = rng.normal();
  engine.labels.forEach((_, n) => (engine.labels[n] = rng.int(10)));
  const seconds = secondsOf(() => engine.step(0.01), 0.5);
  const { params, madds } = costsOf(graph);
  const speed = ((6 * madds * 64) / seconds / 1e9).toFixed(1);
  console.log(
    `${(madds / 1e6).toFixed(2).padStart(6)} M multiply-adds, ${(params / 1e3).toFixed(0).padStart(4)} k parameters: ` +
      `${(64 / seconds).toFixed(0).padStart(5)} images/s, ${speed} GFLOP/s`,
  );
}
