import type { Buffer } from "./arena.ts";
import type { Builder } from "./builder.ts";
import { padded } from "./parameters.ts";
import type { Stage } from "./stages.ts";

/** A stored value in memory, and what is known of its gradient while a network is compiled. */
export interface Tensor extends Omit<Stage, "inputs"> {
  readonly inputs: readonly Tensor[];
  /** One entry for each time that the value is used. */
  readonly users: Tensor[];
  /** Position among the stages. */
  readonly index: number;
  readonly batch: number;
  readonly pixels: number;
  /** Images × pixels. */
  readonly rows: number;
  /** Channels in memory. */
  readonly width: number;
  /** Address of what the kernels know of it: `kernels/tensor.ts`. */
  readonly record: number;
  readonly value: Buffer;
  /** [rows, width]; null while no user has given its part. */
  gradient: Buffer | null;
  /** [batch, width]; the part that is the same for all pixels of an image. */
  imageGradient: Buffer | null;
  /** Users whose part of the gradient is still to come. */
  pending: number;
  /** Address of the batch-norm's record; null without. */
  readonly normRecord: number | null;
  /** For each image, what the sums of batch-norm's way back need of `imageGradient`: `closeBesideRows` of `kernels/pointwise.ts`. */
  slopes: Buffer | null;
  /** Whether the sums for the way back through batch-norm have been taken. */
  isClosed: boolean;
  /** What an expansion and the depthwise convolution behind it leave each other, `kernels/expand.ts`; null of other values. */
  expansion: Expansion | null;
}

export interface Expansion {
  /** The weights, for the way forward. */
  readonly packed: Buffer;
  /** From the way forward for the way back. */
  readonly kept: Buffer;
  /** The weights once more; null before the convolution has gone back. */
  readonly transposed: Buffer | null;
}

/** Matrix products write up to 3 rows past the end. */
export const rowsBytes = (rows: number, width: number): number => 4 * (rows + 3) * width;

export const gradientBuffer = (builder: Builder, { rows, width }: Tensor): Buffer =>
  builder.buffer(rowsBytes(rows, width));

const codes = { relu: 1, relu6: 2, hswish: 3, sigmoid: 0 } as const;

export interface TensorOptions {
  readonly batch: number;
  /** Address of a weight, and of its gradient. */
  readonly weightAt: (name: string) => number;
  readonly gradientAt: (name: string) => number;
  /** Share of running statistics that a step keeps; null for the network's own. */
  readonly batchNormMomentum: number | null;
}

/** Memory for what a stage stores. `value` is given for the image, which lies where the engine's user writes it. */
export function createTensor(
  builder: Builder,
  stage: Stage,
  index: number,
  inputs: readonly Tensor[],
  { batch, weightAt, gradientAt, batchNormMomentum }: TensorOptions,
  value?: Buffer,
): Tensor {
  const { kind, norm, activation } = stage;
  const [height, columns, channels] = stage.shape;
  const width = kind === "Image" ? channels : padded(channels);
  const pixels = height * columns;
  const rows = batch * pixels;
  const perChannel = (): number => (norm === null ? 0 : builder.reserve(4 * width));
  const [scale, shift, p, q, r, batchMean, inverse] = Array.from({ length: 7 }, perChannel) as number[] & { length: 7 };
  const sums = norm === null ? 0 : builder.reserve(16 * width);
  const record = builder.record("Tensor", () => ({
    value: tensor.value,
    batch,
    height,
    width: columns,
    channels: width,
    scale: scale!,
    shift: shift!,
    activation: activation === null ? 0 : codes[activation],
    sums,
    gradient: tensor.gradient ?? 0,
    imageGradient: tensor.imageGradient ?? 0,
    p: p!,
    q: q!,
    r: r!,
    slopes: tensor.slopes ?? 0,
  }));
  const normRecord =
    norm === null
      ? null
      : builder.record("Norm", () => ({
          gamma: weightAt(`${norm.name}.gamma`),
          beta: weightAt(`${norm.name}.beta`),
          mean: weightAt(`${norm.name}.mean`),
          variance: weightAt(`${norm.name}.variance`),
          dGamma: gradientAt(`${norm.name}.gamma`),
          dBeta: gradientAt(`${norm.name}.beta`),
          batchMean: batchMean!,
          inverse: inverse!,
          epsilon: norm.attrs.epsilon,
          momentum: batchNormMomentum ?? norm.attrs.momentum,
        }));
  const tensor: Tensor = {
    ...stage,
    inputs,
    users: [],
    index,
    batch,
    pixels,
    rows,
    width,
    record,
    value: value ?? builder.buffer(rowsBytes(rows, width)),
    gradient: null,
    imageGradient: null,
    pending: 0,
    normRecord,
    slopes: null,
    isClosed: false,
    expansion: null,
  };
  for (const input of inputs) {
    input.users.push(tensor);
    input.pending += 1;
  }
  return tensor;
}
