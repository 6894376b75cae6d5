import { elementTypes, encode, type Message } from "../lower/onnx-proto.ts";
import { tensorKind } from "./inputs.ts";

/** Tensors by name; their type is float32 unless said. */
type Values = Readonly<Record<string, { readonly dims: readonly number[]; readonly type?: string }>>;

const float32 = { element: elementTypes.float, bytes: 4 };

/** Tensors of numbers; a model may have other outputs, such as text. */
const numbersOf = (values: Values) =>
  Object.entries(values).flatMap(([name, { dims, type }]) => {
    const kind = type === undefined ? float32 : tensorKind(type);
    return kind === undefined ? [] : [{ name, dims, ...kind }];
  });

type Numbers = ReturnType<typeof numbersOf>;

const describe = (values: Numbers): Message<"Value">[] =>
  values.map(({ name, dims, element }) => ({
    name,
    type: { tensor: { element, shape: { dims: dims.map((size) => ({ size })) } } },
  }));

/**
 * An ONNX model with the given inputs and outputs that computes nothing: its outputs are constants. Running it takes as
 * long as calling the runtime and moving the values in and out.
 */
export function doNothingModel(inputs: Values, outputs: Values): Uint8Array {
  const [ins, outs] = [numbersOf(inputs), numbersOf(outputs)];
  return encode("Model", {
    irVersion: 8,
    opsets: [{ domain: "", version: 17 }],
    graph: {
      name: "nothing",
      nodes: outs.map(({ name }) => ({ type: "Identity", inputs: [`constant.${name}`], outputs: [name] })),
      initializers: outs.map(({ name, dims, element, bytes }) => ({
        name: `constant.${name}`,
        dims,
        type: element,
        data: new Uint8Array(bytes * dims.reduce((n, size) => n * size, 1)),
      })),
      inputs: describe(ins),
      outputs: describe(outs),
    },
  });
}
