import { MnasError } from "../errors.ts";
import type { Choice, Decoded } from "./choice.ts";
import { decode, type Genotype, type SearchSpace } from "./space.ts";

/** What the network is for: the images it sees, and how many classes it tells apart. */
export interface Task {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly classes: number;
}

/** For people: `28×28×1, 10 classes`. */
export const describeTask = ({ height, width, channels, classes }: Task): string =>
  `${height}×${width}×${channels}, ${classes} classes`;

export const isSameTask = (one: Task, other: Task): boolean => describeTask(one) === describeTask(other);

export const activations = ["relu", "relu6", "hswish"] as const;
export type Activation = (typeof activations)[number];

/** What is added to a layer's output: nothing, its input where shapes agree, or a 3×3 average pooling of its input. */
export const skips = ["none", "identity", "pool"] as const;
export type Skip = (typeof skips)[number];

/** `conv`: k×k convolution. `sepconv`: depthwise then pointwise. `mbconvN`: inverted bottleneck that expands N times. */
export type BlockOp = "conv" | "sepconv" | `mbconv${number}`;

/** `layers` identical layers, of which the first has the stride. */
export interface BlockSpec {
  readonly op: BlockOp;
  readonly kernel: number;
  readonly stride: number;
  /** Output channels. */
  readonly filters: number;
  readonly layers: number;
  /** Squeezed width as a share of the layer's *input* channels (MnasNet's rule); 0 for no squeeze-and-excite. */
  readonly seRatio: number;
  readonly skip: Skip;
  readonly activation?: Activation;
  /** Activation after the pointwise projection as well (MobileNetV1); by default it is linear. */
  readonly activateProjection?: boolean;
}

export interface StemSpec {
  readonly kernel: number;
  readonly stride: number;
  readonly filters: number;
  readonly activation?: Activation;
}

export interface HeadSpec {
  /** Channels of the 1×1 convolution before pooling; 0 for none. */
  readonly filters: number;
  readonly activation?: Activation;
}

/** A decoded network: stem, blocks, head, for one task. */
export interface Arch {
  readonly task: Task;
  readonly stem: StemSpec;
  readonly blocks: readonly BlockSpec[];
  readonly head: HeadSpec;
  /** Dropout rate before the classifier. */
  readonly dropout: number;
}

type Open<T> = { readonly [K in keyof T]: Choice<T[K]> };

/** A network with holes: every value may be a `oneOf`. */
export interface NetworkTemplate {
  readonly stem: Choice<StemSpec> | Open<StemSpec>;
  readonly blocks: readonly Open<BlockSpec>[];
  readonly head: Choice<HeadSpec> | Open<HeadSpec>;
  readonly dropout: Choice<number>;
}

/** A space whose members are networks. */
export type NetworkSpace = SearchSpace<NetworkTemplate>;

/** How much wider than its input a block's inner layers are. */
export const expansionOf = (op: BlockOp): number => (op.startsWith("mbconv") ? Number(op.slice(6)) : 1);

/** The most layers of a network; each is built before anything is known of it. */
const mostLayers = 500;

const positive = "a positive integer";
const isPositive = (n: number): boolean => Number.isSafeInteger(n) && n > 0;

/**
 * Checks that an architecture can be built.
 *
 * @throws MnasError `ARCH_INVALID` naming the first value that is out of range.
 */
export function checkArch(arch: Arch): Arch {
  const need = (holds: boolean, what: string, value: unknown, must: string): void => {
    if (!holds)
      throw new MnasError("ARCH_INVALID", `Cannot build architecture: ${what} is ${String(value)}, must be ${must}`);
  };
  // A user's space may have anything in their places.
  for (const part of ["stem", "blocks", "head"] as const)
    need(typeof arch[part] === "object" && arch[part] !== null, part, arch[part], "an object");
  need(Array.isArray(arch.blocks), "blocks", arch.blocks, "a list");
  for (const [key, value] of Object.entries(arch.task)) need(isPositive(value as number), key, value, positive);
  const names = activations.join(", ");
  const activated = (what: string, { activation = "relu" }: { activation?: Activation }): void =>
    need(activations.includes(activation), `${what}.activation`, activation, `one of ${names}`);
  const conv = (
    what: string,
    c: { kernel: number; stride: number; filters: number; activation?: Activation },
  ): void => {
    need(isPositive(c.kernel) && c.kernel % 2 === 1 && c.kernel <= 7, `${what}.kernel`, c.kernel, "1, 3, 5 or 7");
    need(c.stride === 1 || c.stride === 2, `${what}.stride`, c.stride, "1 or 2");
    need(isPositive(c.filters), `${what}.filters`, c.filters, positive);
    activated(what, c);
  };
  conv("stem", arch.stem);
  need(arch.blocks.length > 0, "blocks", "empty", "at least one block");
  arch.blocks.forEach((block, i) => {
    need(typeof block === "object" && block !== null, `blocks.${i}`, block, "an object");
    need(typeof block.op === "string", `blocks.${i}.op`, block.op, "a text");
    conv(`blocks.${i}`, block);
    const expansion = expansionOf(block.op);
    const known = block.op === "conv" || block.op === "sepconv" || (isPositive(expansion) && expansion > 1);
    need(known, `blocks.${i}.op`, block.op, "conv, sepconv or mbconvN with N > 1");
    need(isPositive(block.layers), `blocks.${i}.layers`, block.layers, positive);
    need(block.seRatio >= 0 && block.seRatio <= 1, `blocks.${i}.seRatio`, block.seRatio, "from 0 to 1");
    need(skips.includes(block.skip), `blocks.${i}.skip`, block.skip, `one of ${skips.join(", ")}`);
  });
  const layers = arch.blocks.reduce((sum, block) => sum + block.layers, 0);
  if (layers > mostLayers) {
    const count = layers.toLocaleString("en");
    throw new MnasError(
      "ARCH_INVALID",
      `Cannot build architecture: it has ${count} layers, must be at most ${mostLayers}`,
      { hint: "Give its blocks fewer layers." },
    );
  }
  need(arch.head.filters === 0 || isPositive(arch.head.filters), "head.filters", arch.head.filters, `0 or ${positive}`);
  activated("head", arch.head);
  need(arch.dropout >= 0 && arch.dropout < 1, "dropout", arch.dropout, "from 0 to below 1");
  return arch;
}

/** The network of a genotype, for a task. Throws as `decode` and `checkArch` do. */
export function archOf(space: NetworkSpace, genotype: Genotype, task: Task): Arch {
  const network: Decoded<NetworkTemplate> = decode(space, genotype);
  return checkArch({ task, ...(network as Omit<Arch, "task">) });
}

/** Any task: what a space can have wrong is wrong for all of them. */
const anyTask: Task = { height: 32, width: 32, channels: 1, classes: 2 };

/**
 * Checks every choice of a space, so that none of its networks is refused in the middle of a search.
 *
 * @throws MnasError `SPACE_INVALID` naming the value that no network can have.
 */
export function checkSpace(space: NetworkSpace): NetworkSpace {
  const first = space.decisions.map(() => 0);
  try {
    // No check depends on two decisions at once.
    archOf(space, first, anyTask);
    for (const [at, { choices }] of space.decisions.entries())
      for (let i = 1; i < choices.length; i++) archOf(space, first.with(at, i), anyTask);
  } catch (error) {
    if (!(error instanceof MnasError)) throw error;
    throw new MnasError("SPACE_INVALID", error.message.replace("build architecture", `use space "${space.name}"`), {
      hint: "Correct the value, or remove the choice.",
      cause: error,
    });
  }
  return space;
}
