import { encodeModel } from "../../src/lower/tflite-file.ts";
import { operators, optionTypes, schemaVersion, tensorTypes, type Table } from "../../src/lower/tflite-schema.ts";
import { lengthOf, type Shapes } from "./runtime.ts";

/**
 * A TFLite model with the given inputs and outputs that computes nothing of its inputs: each output is the sum of two
 * constants. Running it takes as long as calling the runtime and moving the values in and out.
 */
export function doNothingTflite(inputs: Shapes, outputs: Shapes): Uint8Array {
  const tensors: Table<"Tensor">[] = [];
  const buffers: Table<"Buffer">[] = [{}];
  const tensor = (name: string, shape: readonly number[], buffer = 0): number =>
    tensors.push({ name, shape: [...shape], type: tensorTypes.float32, buffer, hasRank: 1 }) - 1;
  const constant = (name: string, shape: readonly number[]): number =>
    tensor(name, shape, buffers.push({ data: new Uint8Array(4 * lengthOf(shape)) }) - 1);

  const of = (shapes: Shapes) =>
    Object.entries(shapes).map(([name, { dims }]) => ({ name, tensor: tensor(name, dims) }));
  const [ins, outs] = [of(inputs), of(outputs)];
  const operations = outs.map(({ name, tensor: output }) => {
    const zeros = constant(`${name}.zeros`, outputs[name]!.dims);
    return { code: 0, inputs: [zeros, zeros], outputs: [output], optionsType: optionTypes.AddOptions, options: {} };
  });
  return encodeModel({
    version: schemaVersion,
    description: "nothing",
    codes: [{ byteCode: operators.ADD, code: operators.ADD, version: 1 }],
    buffers,
    subgraphs: [
      {
        name: "main",
        tensors,
        inputs: ins.map((each) => each.tensor),
        outputs: outs.map((each) => each.tensor),
        operators: operations,
      },
    ],
    signatures: [{ key: "serving_default", inputs: ins, outputs: outs }],
  });
}
