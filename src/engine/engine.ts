import { MnasError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Weights } from "../graph/weights.ts";
import { createRng } from "../util/rng.ts";
import { addressOf, type Call } from "./builder.ts";
import { compile } from "./compile.ts";
import { loadKernels } from "./kernels.ts";
import { packWeights, unpackWeights } from "./parameters.ts";

export type Optimizer =
  /** As TensorFlow has it: epsilon inside the root, mean square from 1, learning rate inside the momentum buffer. */
  | { readonly kind: "rmsprop"; readonly decay: number; readonly momentum: number; readonly epsilon: number }
  /** As PyTorch has it. */
  | { readonly kind: "sgd"; readonly momentum: number; readonly nesterov: boolean };

export interface EngineOptions {
  /** Images per step. */
  readonly batch: number;
  readonly optimizer: Optimizer;
  /** L2, added to the gradient of all weights but batch-norm's. */
  readonly weightDecay: number;
  readonly labelSmoothing: number;
  /** Decay of the moving average of the weights; null for none. It starts lower: min(decay, (1 + t) / (10 + t)). */
  readonly emaDecay: number | null;
  /** Share of batch-norm's running statistics that a step keeps; the network's own by default. */
  readonly batchNormMomentum?: number;
  /** Decides dropout. */
  readonly seed: string | number;
}

export interface StepResult {
  readonly loss: number;
  /** How many of the batch were right. */
  readonly correct: number;
}

/** A training between two steps. */
export interface EngineState {
  readonly steps: number;
  /** Arrays of the size of the weights: `weights`, the optimizer's, and `average` if there is one. */
  readonly sections: ReadonlyMap<string, Weights>;
}

/** Trains one network in one thread. The same calls give the same bits on every machine. */
export interface Engine {
  readonly batch: number;
  /** [batch, height, width, channels]: written by the caller before `step` and `evaluate`. */
  readonly images: Float32Array;
  /** [batch]; read by `step` only. */
  readonly labels: Int32Array;
  /** One training step; loss is the mean over the batch, before the update. */
  step(learningRate: number): StepResult;
  /** The first half of a step: forward and backward. */
  differentiate(): StepResult;
  /** The second half: the optimizer, then the moving average. */
  update(learningRate: number): void;
  /** What engines that share a batch average between the halves of a step, in place: gradients, running statistics. */
  readonly shared: readonly Float32Array[];
  /** Logits [batch, classes] by running statistics, without dropout; of the moving average of weights if there is one. */
  evaluate(): Float32Array;
  /** Weights and running statistics; their moving average if there is one. */
  weights(): Weights;
  /** Also starts the optimizer and the average afresh. */
  setWeights(weights: Weights): void;
  /** Everything that the next steps depend on, copied. */
  state(): EngineState;
  /** Goes on from a state of an engine of the same network and optimizer; the same bits as if never interrupted. */
  setState(state: EngineState): void;
  /** Gradients of the last step by name; weight decay is not part of them. */
  gradients(): Weights;
}

const pageBytes = 65536;
/** WebAssembly's own limit, 4 GiB. */
const mostPages = 65536;

type Needs = Pick<EngineOptions, "batch" | "optimizer" | "labelSmoothing" | "emaDecay">;

/** Arrays of the size of the weights that an optimizer keeps. */
const slotsOf = (optimizer: Optimizer): number => (optimizer.kind === "rmsprop" ? 2 : 1);

/** Bytes of memory that training a network takes, beside Node's own. */
export function trainingBytes(graph: Graph, { batch, optimizer, labelSmoothing, emaDecay }: Needs): number {
  const sections = slotsOf(optimizer) + (emaDecay === null ? 0 : 1);
  return compile(graph, 0, { batch, labelSmoothing, batchNormMomentum: null, sections }).bytes;
}

/**
 * Compiles a network for training.
 *
 * @throws MnasError `CONFIG_INVALID` when the batch needs more memory than WebAssembly can have, 4 GiB, and `MEMORY_FULL`
 * when the system does not give it.
 */
export async function createEngine(graph: Graph, options: EngineOptions): Promise<Engine> {
  const { batch, optimizer, weightDecay, emaDecay, seed } = options;
  const { memory, call, run } = await loadKernels();
  const slots = slotsOf(optimizer);
  const program = compile(graph, call.heapBase(), {
    batch,
    labelSmoothing: options.labelSmoothing,
    batchNormMomentum: options.batchNormMomentum ?? null,
    sections: slots + (emaDecay === null ? 0 : 1),
  });
  const pages = Math.ceil(program.bytes / pageBytes);
  try {
    memory.grow(Math.max(0, pages - 1));
  } catch {
    const need = (program.bytes / 2 ** 30).toFixed(1);
    if (pages <= mostPages) {
      throw new MnasError("MEMORY_FULL", `Cannot train with batches of ${batch}: the system gives no ${need} GiB`, {
        hint: "Give it more memory, or train fewer networks at a time.",
      });
    }
    throw new MnasError(
      "CONFIG_INVALID",
      `Cannot train with batches of ${batch}: they need ${need} GiB, more than there is (at most 4)`,
      {
        hint: "Use a smaller batch: --batch of `mnas train`, or `batch` of the recipe in mnas.config.ts.",
      },
    );
  }
  program.writeRecords(memory.buffer);

  const { layout } = program;
  const floats = (at: number, length: number): Float32Array => new Float32Array(memory.buffer, at, length);
  const word = (at: number): Uint32Array => new Uint32Array(memory.buffer, at, 1);
  const ready = (calls: readonly Call[]) =>
    calls.map(({ kernel, args }) => ({ run: run[kernel], args: args.map(addressOf) }));
  const forward = ready(program.forward);
  const inference = ready(program.inference);
  const backward = ready(program.backward);
  const [loss] = ready([program.loss]);
  const runAll = (calls: typeof forward): void => {
    for (const { run: kernel, args } of calls) kernel(...args);
  };

  const classes = graph.output.shape[2];
  const weights = floats(program.weights, layout.size);
  const slotArrays = program.sections.slice(0, slots).map((at) => floats(at, layout.size));
  const averageAt = emaDecay === null ? null : program.sections[slots]!;
  const average = averageAt === null ? weights : floats(averageAt, layout.size);
  const logits = floats(program.logits.value.offset, batch * program.logits.width);
  const root = createRng(seed);
  let steps = 0;

  const [velocity = 0, square = 0] = program.sections;
  const updateRange = (rate: number, from: number, to: number, decay: number): void => {
    const [w, g, v, bytes] = [
      program.weights + 4 * from,
      program.gradients + 4 * from,
      velocity + 4 * from,
      4 * (to - from),
    ];
    if (optimizer.kind === "sgd") call.sgd(w, g, v, bytes, rate, optimizer.momentum, decay, Number(optimizer.nesterov));
    else {
      const { decay: keep, momentum, epsilon } = optimizer;
      call.rmsprop(w, g, v, square + 4 * from, bytes, rate, keep, momentum, epsilon, decay);
    }
  };
  const update = (rate: number): void => {
    updateRange(rate, 0, layout.decayed, weightDecay);
    updateRange(rate, layout.decayed, layout.trained, 0);
    if (averageAt !== null) {
      call.average(program.weights, averageAt, 4 * layout.size, Math.min(emaDecay!, (1 + steps) / (10 + steps)));
    }
  };
  const swapAverage = (): void => {
    if (averageAt !== null) call.swap(program.weights, averageAt, 4 * layout.size);
  };

  const differentiate = (): StepResult => {
    steps += 1;
    word(program.seed)[0] = root.fork(steps).int(2 ** 32);
    runAll(forward);
    const value = loss!.run(...loss!.args);
    runAll(backward);
    return { loss: value, correct: word(program.correct)[0]! };
  };
  const sections = new Map([
    ["weights", weights],
    ...slotArrays.map((values, i) => [["velocity", "square"][i]!, values] as const),
    ...(averageAt === null ? [] : [["average", average] as const]),
  ]);

  return {
    batch,
    images: floats(program.images, batch * graph.input.shape.reduce((n, size) => n * size, 1)),
    labels: new Int32Array(memory.buffer, program.labels, batch),
    step(learningRate) {
      const result = differentiate();
      update(learningRate);
      return result;
    },
    differentiate,
    update,
    shared: [floats(program.gradients, layout.trained), weights.subarray(layout.trained)],
    evaluate() {
      swapAverage();
      runAll(inference);
      swapAverage();
      const result = new Float32Array(batch * classes);
      for (let n = 0; n < batch; n++)
        result.set(logits.subarray(n * program.logits.width, n * program.logits.width + classes), n * classes);
      return result;
    },
    weights: () => unpackWeights(layout, average),
    setWeights(values) {
      packWeights(layout, values, weights);
      average.set(weights);
      const [velocities, squares] = slotArrays;
      velocities!.fill(0);
      squares?.fill(1);
      steps = 0;
    },
    state: () => ({
      steps,
      sections: new Map([...sections].map(([name, values]) => [name, unpackWeights(layout, values)])),
    }),
    setState(state) {
      for (const [name, values] of sections) packWeights(layout, state.sections.get(name) ?? new Map(), values);
      steps = state.steps;
    },
    gradients: () => {
      const padding = new Float32Array(layout.size);
      padding.set(floats(program.gradients, layout.trained));
      const trained = new Map([...layout.slots].filter(([, { offset }]) => offset < layout.trained));
      return unpackWeights({ ...layout, slots: trained }, padding);
    },
  };
}
