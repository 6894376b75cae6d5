import type { TensorValues } from "../../src/device/inputs.ts";

/** A network with an input, ready to run. */
export interface LoadedModel {
  readonly inputs: Shapes;
  readonly outputs: Shapes;
  /** One image, until its result is here, on this side of a GPU too; the values of the first output. */
  run(): Promise<TensorValues>;
  dispose(): Promise<void>;
}

export type Shapes = Readonly<Record<string, { readonly dims: readonly number[]; readonly type: string }>>;

/** Random values for an input of a type and shape. Throws `RangeError` when numbers cannot fill it. */
export type Fill = (type: string, dims: readonly number[]) => TensorValues;

/** What a browser runs networks with; its WebAssembly is loaded. */
export interface Runtime {
  readonly backend: Backend;
  /** Loads a network with the values that `fill` gives. */
  load(model: Uint8Array, fill: Fill): Promise<LoadedModel>;
  /** A network with the inputs and outputs of another that does nothing; null where there is none. */
  doNothing(like: LoadedModel): Uint8Array | null;
  /** Whether the GPU went away, after which nothing runs any more. */
  readonly isLost: boolean;
}

/** Where networks run. */
export type Backend = "wasm" | "webgpu";

export const lengthOf = (dims: readonly number[]): number => dims.reduce((n, size) => n * size, 1);
