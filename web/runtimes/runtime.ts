/** A network with an input, ready to run. */
export interface LoadedModel {
  readonly inputs: Shapes;
  readonly outputs: Shapes;
  /** One image, until its result is here, on this side of a GPU too; the values of the first output. */
  run(): Promise<Float32Array>;
  dispose(): Promise<void>;
}

export type Shapes = Readonly<Record<string, { readonly dims: readonly number[] }>>;

/** What a browser runs networks with; its WebAssembly is loaded. */
export interface Runtime {
  readonly backend: Backend;
  /** Loads a network; `fill` gives the values of an input of so many. */
  load(model: Uint8Array, fill: (length: number) => Float32Array): Promise<LoadedModel>;
  /** A network with the inputs and outputs of another that does nothing; null where there is none. */
  doNothing(like: LoadedModel): Uint8Array | null;
  /** Whether the GPU went away, after which nothing runs any more. */
  readonly isLost: boolean;
}

/** Where networks run. */
export type Backend = "wasm" | "webgpu";

export const lengthOf = (dims: readonly number[]): number => dims.reduce((n, size) => n * size, 1);

/** Throws unless an input is one that random numbers can fill. */
export function checkInput(name: string, type: string, dims: readonly number[]): void {
  if (type !== "float32") throw new Error(`input "${name}" is ${type}, must be float32`);
  // More are no images, and might not fit in memory.
  if (lengthOf(dims) > 1e8)
    throw new Error(`input "${name}" has ${lengthOf(dims)} values, must have at most 100,000,000`);
}
