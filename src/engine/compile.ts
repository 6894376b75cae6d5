import type { Graph } from "../graph/graph.ts";
import { createBuffer } from "./arena.ts";
import { callOf, createBuilder, type Builder, type Call } from "./builder.ts";
import { lowerings } from "./lowerings.ts";
import { layoutOf, padded, type Layout } from "./parameters.ts";
import { stagesOf, type Stage } from "./stages.ts";
import { createTensor, gradientBuffer, type Tensor } from "./tensor.ts";

export interface CompileOptions {
  readonly batch: number;
  readonly labelSmoothing: number;
  /** Share of batch-norm's running statistics that a step keeps; null for the network's own. */
  readonly batchNormMomentum: number | null;
  /** Arrays of the size of the weights that the optimizer needs. */
  readonly sections: number;
}

/** A network as kernel calls over one memory. All addresses are in bytes. */
export interface Program {
  readonly layout: Layout;
  /** From images to logits, in training; the statistics of batch-norm are the batch's. */
  readonly forward: readonly Call[];
  /** The same with running statistics and without dropout. */
  readonly inference: readonly Call[];
  readonly loss: Call;
  readonly backward: readonly Call[];
  /** float32 [batch, height, width, channels]. */
  readonly images: number;
  /** int32 [batch]. */
  readonly labels: number;
  readonly logits: Tensor;
  /** int32: how many of the batch were right. */
  readonly correct: number;
  /** uint32: must differ from step to step; for dropout. */
  readonly seed: number;
  readonly weights: number;
  readonly gradients: number;
  /** Addresses of the optimizer's arrays. */
  readonly sections: readonly number[];
  readonly bytes: number;
  writeRecords(memory: ArrayBuffer): void;
}

/**
 * Before the way back of a stage with batch-norm: its sums, unless the last user took them, or what they lack when it did before
 * the gradient was whole; then what follows from them.
 */
function emitNormBackward(builder: Builder, t: Tensor): void {
  if (t.normRecord === null) return;
  const touched = [t.value, t.gradient, t.imageGradient];
  if (t.slopes !== null) builder.emit(callOf("closeImages", { x: t.record }), [t.imageGradient, t.slopes]);
  else if (!t.isClosed) builder.emit(callOf("closeGradient", { x: t.record }), touched);
  builder.emit(callOf("normBackward", { t: t.record, n: t.normRecord }), touched);
}

/** The longest row of any matrix: channels, or the inputs of a k×k convolution. */
const longestRow = (stages: readonly Stage[]): number =>
  Math.max(
    ...stages.map(({ shape, kind, inputs, node }) => {
      const taps = kind === "Conv" && node.op === "Conv" ? node.attrs.kernel ** 2 : 1;
      return Math.max(padded(shape[2]), ...inputs.map((input) => taps * padded(input.shape[2])));
    }),
  );

/** Compiles a network; `base` is the first address that it may use. */
export function compile(graph: Graph, base: number, options: CompileOptions): Program {
  const { batch, labelSmoothing, batchNormMomentum } = options;
  const layout = layoutOf(graph);
  const stages = stagesOf(graph);
  const builder = createBuilder(base);
  const weights = builder.reserve(4 * layout.size);
  const gradients = builder.reserve(4 * layout.trained);
  const sections = Array.from({ length: options.sections }, () => builder.reserve(4 * layout.size));
  const [height, width, channels] = graph.input.shape;
  const images = builder.reserve(4 * batch * height * width * channels);
  const labels = builder.reserve(4 * batch);
  const correct = builder.reserve(4);
  const seed = builder.reserve(4);
  const weightAt = (name: string): number => weights + 4 * layout.slots.get(name)!.offset;
  const gradientAt = (name: string): number => gradients + 4 * layout.slots.get(name)!.offset;
  const lowering = { builder, weightAt, gradientAt, seed, zeros: builder.reserve(4 * longestRow(stages)) };

  const tensors = new Map<Stage, Tensor>();
  for (const [index, stage] of stages.entries()) {
    const inputs = stage.inputs.map((input) => tensors.get(input)!);
    const value = stage.kind === "Image" ? { ...createBuffer(0), offset: images } : undefined;
    const about = { batch, weightAt, gradientAt, batchNormMomentum };
    tensors.set(stage, createTensor(builder, stage, index, inputs, about, value));
  }
  const ways: (() => void)[] = [];
  for (const t of tensors.values()) {
    if (t.kind === "Image") continue;
    const back = lowerings[t.kind](t, lowering);
    if (t.normRecord !== null) {
      const args = { t: t.record, n: t.normRecord };
      builder.emit({ ...callOf("normForward", args), inference: callOf("normInference", args) });
    }
    if (!t.needsGradient) continue;
    ways.push(() => {
      emitNormBackward(builder, t);
      back();
    });
  }

  const logits = tensors.get(stages.at(-1)!)!;
  logits.gradient = gradientBuffer(builder, logits);
  const at = builder.calls.length;
  const loss = callOf("lossForward", {
    logits: logits.record,
    labels,
    classes: graph.output.shape[2],
    smoothing: labelSmoothing,
    correct,
  });
  builder.emit(loss, [logits.value, logits.gradient]);
  for (const way of ways.toReversed()) way();

  const bytes = builder.plan();
  const forward = builder.calls.slice(0, at);
  return {
    layout,
    forward,
    inference: forward.flatMap((call) => (call.inference === undefined ? call : (call.inference ?? []))),
    loss,
    backward: builder.calls.slice(at + 1),
    images,
    labels,
    logits,
    correct,
    seed,
    weights,
    gradients,
    sections,
    bytes,
    writeRecords: (memory) => builder.writeRecords(memory),
  };
}
