import { dirname, resolve } from "node:path";
import { MnasError } from "../../errors.ts";
import { decode, elementTypes, encode } from "../../lower/onnx-proto.ts";
import { editModel, fieldOf, fieldsOf, lengthOf, type Pieces } from "../../lower/onnx-wire.ts";
import { readFile } from "../../util/files.ts";
import { fillAxes, type AxisSizes, type DeclaredInput, type ModelInput } from "../axes.ts";
import type { DeviceModel } from "../device.ts";
import { inlineWeights, weightsBeside } from "./weights.ts";
import type { ModelFile } from "./model-file.ts";

/** A message of protocol buffers, and so an ONNX file, must be smaller. */
const mostBytes = 2 ** 31 - 1;

const typeNames: ReadonlyMap<number | undefined, string> = new Map(
  Object.entries(elementTypes).map(([name, number]) => [number, { float: "float32", double: "float64" }[name] ?? name]),
);

/** The inputs that a model is fed, without those that have a default among its weights. */
function declaredInputs(model: Uint8Array): DeclaredInput[] {
  const graph = fieldsOf(model).findLast(({ number }) => number === 7)?.content;
  if (graph == null) throw new RangeError("it has no graph");
  const fields = fieldsOf(graph).flatMap(({ number, content }) => (content === null ? [] : [{ number, content }]));
  const contents = (number: number): Uint8Array[] =>
    fields.filter((field) => field.number === number).map(({ content }) => content);
  const nameOf = (tensor: Uint8Array): string =>
    new TextDecoder().decode(fieldsOf(tensor).find(({ number }) => number === 8)?.content ?? new Uint8Array());
  const weights = new Set(contents(5).map(nameOf));
  return contents(11).flatMap((content) => {
    const { name = "", type } = decode("Value", content);
    if (weights.has(name)) return [];
    const { element, shape } = type?.tensor ?? {};
    if (shape === undefined) throw new RangeError(`its input ${name} has no shape, or is no tensor`);
    const axes = (shape.dims ?? []).map(({ size, symbol }) =>
      size !== undefined && size > 0 ? size : symbol === undefined || symbol === "" ? null : symbol,
    );
    return [{ name, type: typeNames.get(element) ?? "unknown", axes }];
  });
}

/** An input with all its sizes; null for one that is not fed. */
function withShape(value: Uint8Array, inputs: readonly ModelInput[]): Pieces | null {
  const input = inputs.find(({ name }) => name === decode("Value", value).name);
  if (input === undefined || decode("Value", value).type?.tensor?.shape === undefined) return null;
  const shape = encode("TensorShape", { dims: input.shape.map((size) => ({ size })) });
  const replace = (message: Uint8Array, path: readonly number[]): Pieces => {
    const [number, ...rest] = path;
    if (number === undefined) return [shape];
    return fieldsOf(message).flatMap((field) =>
      field.number === number && field.content !== null ? fieldOf(number, replace(field.content, rest)) : [field.bytes],
    );
  };
  // Value.type, its tensor, its shape.
  return replace(value, [2, 1, 2]);
}

const joined = (pieces: Pieces): Uint8Array => {
  if (pieces.length === 1) return pieces[0]!;
  const bytes = new Uint8Array(lengthOf(pieces));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
};

/**
 * An ONNX file as a model for devices, with all sizes of its inputs set, and the weights inside that it keeps in files beside
 * it. When they are too large for that, `host` reads them where they are.
 *
 * @param most bytes of a model with its weights.
 * @throws MnasError `FILE_NOT_FOUND`, `MODEL_INVALID`, and as `fillAxes`.
 */
export function openOnnxFile(file: string, sizes: AxisSizes, most = mostBytes): ModelFile {
  const bytes = readFile(file);
  const fail = (problem: string, cause?: unknown): never => {
    throw new MnasError("MODEL_INVALID", `Cannot read "${file}": ${problem}`, {
      cause,
      hint: "Give an ONNX file that is complete.",
    });
  };
  const reading = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      if (error instanceof MnasError) throw error;
      return fail(`it is no ONNX model (${(error as Error).message})`, error);
    }
  };
  const declared = reading(() => declaredInputs(bytes));
  const { inputs, used } = fillAxes(file, declared, sizes);
  const Input = (value: Uint8Array): Pieces | null => withShape(value, inputs);

  const fixed = reading(() => editModel(bytes, { Input }));
  let besideBytes = 0;
  reading(() =>
    editModel(bytes, {
      Tensor: (tensor) => {
        besideBytes += weightsBeside(file, tensor)?.length ?? 0;
        return null;
      },
    }),
  );
  const isLarge = besideBytes > 0 && lengthOf(fixed) + besideBytes > most;
  const whole = (): Uint8Array => {
    if (isLarge) {
      const gib = ((lengthOf(fixed) + besideBytes) / 2 ** 30).toFixed(1);
      throw new MnasError(
        "MODEL_INVALID",
        `Cannot send "${file}" to the device: it takes ${gib} GiB with its weights`,
        {
          hint: "One ONNX file holds less than 2 GiB; measure it with --device host.",
        },
      );
    }
    if (besideBytes === 0) return joined(fixed);
    return joined(reading(() => editModel(bytes, { Input, Tensor: (tensor) => inlineWeights(file, tensor) })));
  };
  const model: DeviceModel = {
    name: file,
    madds: null,
    graph: null,
    inputs,
    onnx: whole,
    ...(isLarge ? { large: { model: () => joined(fixed), folder: resolve(dirname(file)) } } : {}),
    tflite: null,
  };
  return { model, used, declared };
}
