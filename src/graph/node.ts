/** Height, width, channels of one image's value. */
export type Shape = readonly [height: number, width: number, channels: number];

export type ActivationFunction = "relu" | "relu6" | "hswish" | "sigmoid";

interface Op<I extends readonly Node[], A = Record<never, never>> {
  readonly inputs: I;
  readonly attrs: A;
}

/** The signature of every op. Adding one starts here; the compiler then lists the tables that lack a row. */
interface Ops {
  Input: Op<[], { readonly shape: Shape }>;
  /** k×k convolution over all channels, TensorFlow "same" padding. */
  Conv: Op<
    [Node],
    { readonly filters: number; readonly kernel: number; readonly stride: number; readonly bias: boolean }
  >;
  /** k×k convolution of each channel by itself, TensorFlow "same" padding. */
  DepthwiseConv: Op<[Node], { readonly kernel: number; readonly stride: number }>;
  /** `momentum` is the share of the old running statistics that each training step keeps. */
  BatchNorm: Op<[Node], { readonly epsilon: number; readonly momentum: number }>;
  Activation: Op<[Node], { readonly function: ActivationFunction }>;
  /** Every pixel of the first input times the second, which is 1×1 with as many channels (squeeze-and-excite). */
  Scale: Op<[Node, Node]>;
  Add: Op<[Node, Node]>;
  /** "Same" padding; the mean is over the pixels inside the image. */
  AvgPool: Op<[Node], { readonly kernel: number; readonly stride: number }>;
  MaxPool: Op<[Node], { readonly kernel: number; readonly stride: number }>;
  /** Zero channels appended, or the last ones cut. */
  FitChannels: Op<[Node], { readonly channels: number }>;
  GlobalAvgPool: Op<[Node]>;
  /** Inverted dropout in training, nothing otherwise. */
  Dropout: Op<[Node], { readonly rate: number }>;
  /** Fully connected with bias, on a 1×1 value. */
  Dense: Op<[Node], { readonly units: number }>;
}

export type OpName = keyof Ops;
export type Inputs<Name extends OpName> = Ops[Name]["inputs"];
export type Attrs<Name extends OpName> = Ops[Name]["attrs"];
/** One `Item` per input of the op. */
export type PerInput<Name extends OpName, Item> = Each<Inputs<Name>, Item>;
type Each<Tuple extends readonly unknown[], Item> = { readonly [I in keyof Tuple]: Item };

export interface NodeOf<Name extends OpName> {
  readonly op: Name;
  /** Unique in its graph; parameters are named after it. */
  readonly name: string;
  readonly inputs: Inputs<Name>;
  readonly attrs: Attrs<Name>;
  readonly shape: Shape;
}

/** An op applied to values; a node is its own single output. `switch (node.op)` narrows it. */
export type Node = { [Name in OpName]: NodeOf<Name> }[OpName];
