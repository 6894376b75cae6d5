import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { elementTypes, encode, type Message } from "../src/lower/onnx-proto.ts";

export interface Dim {
  readonly size?: number;
  readonly symbol?: string;
}

export const fixed = (...sizes: readonly number[]): Dim[] => sizes.map((size) => ({ size }));

const value = (name: string, element: number, dims: readonly Dim[]): Message<"Value"> => ({
  name,
  type: { tensor: { element, shape: { dims } } },
});

/** Weights of a convolution 3 → 4, 3×3. */
export const kernel = Float32Array.from({ length: 4 * 3 * 9 }, (_, i) => Math.sin(i));

export interface ForeignOptions {
  readonly dims?: readonly Dim[];
  readonly element?: number;
  /** Where the kernel lies when it is not in the model. */
  readonly outside?: Readonly<Record<string, string>>;
  /** The first versions of ONNX list weights among the inputs. */
  readonly listsWeights?: boolean;
}

/** A network as other programs write it: a cast, a convolution, the mean of each channel. */
export function foreignModel(options: ForeignOptions = {}): Uint8Array {
  const { dims = fixed(1, 3, 8, 8), element = elementTypes.float, outside, listsWeights = false } = options;
  const place =
    outside === undefined
      ? { data: new Uint8Array(kernel.buffer) }
      : { outside: Object.entries(outside).map(([key, text]) => ({ key, value: text })), isOutside: 1 };
  const kernelDims = [4, 3, 3, 3];
  return encode("Model", {
    irVersion: listsWeights ? 3 : 8,
    opsets: [{ domain: "", version: 13 }],
    graph: {
      name: "foreign",
      nodes: [
        { type: "Cast", inputs: ["x"], outputs: ["f"], attributes: [{ name: "to", int: elementTypes.float, type: 2 }] },
        { type: "Conv", inputs: ["f", "kernel"], outputs: ["c"] },
        { type: "GlobalAveragePool", inputs: ["c"], outputs: ["y"] },
      ],
      initializers: [{ name: "kernel", dims: kernelDims, type: elementTypes.float, ...place }],
      inputs: [
        value("x", element, dims),
        ...(listsWeights ? [value("kernel", elementTypes.float, fixed(...kernelDims))] : []),
      ],
      outputs: [value("y", elementTypes.float, [{ symbol: "n" }, ...fixed(4, 1, 1)])],
    },
  });
}

/** Writes such a network with its kernel in a file beside it. */
export function writeBeside(folder: string, name: string, options: ForeignOptions = {}): string {
  const file = join(folder, `${name}.onnx`);
  const bytes = new Uint8Array(kernel.buffer);
  const place = { location: `${name}.onnx.data`, offset: "64", length: String(bytes.length) };
  writeFileSync(join(folder, place.location), Buffer.concat([new Uint8Array(64), bytes, new Uint8Array(64)]));
  writeFileSync(file, foreignModel({ outside: place, ...options }));
  return file;
}
