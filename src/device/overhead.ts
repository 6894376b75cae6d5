import { elementTypes, encode, type Message } from "../lower/onnx-proto.ts";

type Values = Readonly<Record<string, { readonly dims: readonly number[] }>>;

const valueInfo = (name: string, dims: readonly number[]): Message<"Value"> => ({
  name,
  type: { tensor: { element: elementTypes.float, shape: { dims: dims.map((size) => ({ size })) } } },
});

/**
 * An ONNX model with the given inputs and outputs that computes nothing: its outputs are constants. Running it takes as
 * long as calling the runtime and moving the values in and out.
 */
export function doNothingModel(inputs: Values, outputs: Values): Uint8Array {
  const describe = (values: Values): Message<"Value">[] =>
    Object.entries(values).map(([name, { dims }]) => valueInfo(name, dims));
  return encode("Model", {
    irVersion: 8,
    opsets: [{ domain: "", version: 17 }],
    graph: {
      name: "nothing",
      nodes: Object.keys(outputs).map((name) => ({ type: "Identity", inputs: [`constant.${name}`], outputs: [name] })),
      initializers: Object.entries(outputs).map(([name, { dims }]) => ({
        name: `constant.${name}`,
        dims,
        type: elementTypes.float,
        data: new Uint8Array(4 * dims.reduce((n, size) => n * size, 1)),
      })),
      inputs: describe(inputs),
      outputs: describe(outputs),
    },
  });
}
