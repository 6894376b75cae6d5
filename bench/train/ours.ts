/*
 * Trains one network with our engine, in a process of its own: `ours.ts FOLDER`, with the folder of problem.ts. Each line
 * of standard input is a command, each line of output its answer in JSON:
 *
 *   train SECONDS    trains that long; {images, seconds}
 *   losses STEPS     trains so many steps; the loss of each
 *   gemm SECONDS     fastest of some matrix products; GFLOP/s
 */
import { createInterface } from "node:readline";
import { createEngine } from "../../src/engine/engine.ts";
import { loadKernels } from "../../src/engine/kernels.ts";
import { readProblem } from "./problem.ts";

const { problem, graph, weights, images, labels } = readProblem(process.argv[2]!);
const { batch, learningRate, momentum, weightDecay } = problem;
const optimizer = { kind: "sgd", momentum, nesterov: true } as const;
const engine = await createEngine(graph, {
  batch,
  optimizer,
  weightDecay,
  labelSmoothing: 0,
  emaDecay: null,
  seed: 0,
});
engine.setWeights(weights);

const batches = labels.length / batch;
let steps = 0;
function step(): number {
  const n = steps++ % batches;
  engine.images.set(images.subarray(n * engine.images.length, (n + 1) * engine.images.length));
  engine.labels.set(labels.subarray(n * batch, (n + 1) * batch));
  return engine.step(learningRate).loss;
}

/** Runs something again and again for so many seconds; how often, and how long it took. */
function repeat(seconds: number, run: () => void): { runs: number; seconds: number } {
  const start = performance.now();
  for (let runs = 1; ; runs++) {
    run();
    const passed = (performance.now() - start) / 1000;
    if (passed >= seconds) return { runs, seconds: passed };
  }
}

async function gemm(seconds: number): Promise<number> {
  const { memory, call } = await loadKernels();
  memory.grow(255);
  const speeds = [
    [3136, 48, 16],
    [784, 240, 40],
    [784, 128, 128],
    [196, 576, 96],
  ].map(([rows, depth, columns]) => {
    const a = call.heapBase() + 64;
    const b = a + 4 * rows! * depth! + 64;
    const c = b + 4 * depth! * Math.ceil(columns! / 16) * 16 + 64;
    const zeros = c + 4 * (rows! + 4) * columns!;
    const multiply = (): number =>
      call.matmulPacked(rows!, depth!, columns!, a, 4 * depth!, b, zeros, 0, c, 4 * columns!);
    repeat(seconds / 8, multiply);
    const { runs, seconds: passed } = repeat(seconds / 8, multiply);
    return (2 * rows! * depth! * columns! * runs) / passed / 1e9;
  });
  return Math.max(...speeds);
}

const commands: Readonly<Record<string, (n: number) => unknown>> = {
  train(seconds) {
    const { runs, seconds: passed } = repeat(seconds, step);
    return { images: runs * batch, seconds: passed };
  },
  losses: (count) => Array.from({ length: count }, step),
  gemm,
};

for await (const line of createInterface({ input: process.stdin })) {
  const [command = "", n] = line.split(" ");
  console.log(JSON.stringify(await commands[command]!(Number(n))));
}
