import { MnasError } from "../../errors.ts";
import { decodeModel } from "../../lower/tflite-file.ts";
import { tensorTypes } from "../../lower/tflite-schema.ts";
import { readFile } from "../../util/files.ts";
import { fillAxes, type AxisSizes, type DeclaredInput } from "../axes.ts";
import type { ModelFile } from "./model-file.ts";

const typeNames: ReadonlyMap<number | undefined, string> = new Map(
  Object.entries(tensorTypes).map(([name, number]) => [number, name]),
);

/** An input, and the shape that it has when nobody says another. */
interface Declared extends DeclaredInput {
  readonly shape: readonly number[];
}

/** Throws `RangeError` when the bytes are no TFLite model. */
function declaredInputs(bytes: Uint8Array): Declared[] {
  const [graph] = decodeModel(bytes).subgraphs ?? [];
  return (graph?.inputs ?? []).map((number) => {
    const { name = "", type, shape = [], openShape } = graph?.tensors?.[number] ?? {};
    const axes = (openShape ?? shape).map((size) => (size > 0 ? size : null));
    return { name, type: typeNames.get(type) ?? "unknown", axes, shape };
  });
}

/**
 * A TFLite file as a model for devices.
 *
 * @throws MnasError `FILE_NOT_FOUND`, and as `fillAxes`.
 */
export function openTfliteFile(file: string, sizes: AxisSizes): ModelFile {
  const bytes = readFile(file);
  const invalid = (message: string, hint: string, cause?: unknown): MnasError =>
    new MnasError("MODEL_INVALID", message, { hint, cause });
  const onnx = (): never => {
    throw invalid(
      `Cannot measure "${file}": the device runs ONNX models`,
      "Give the network as an .onnx file, or choose a device that runs TFLite.",
    );
  };
  let declared: Declared[] = [];
  let damage: unknown = null;
  try {
    declared = declaredInputs(bytes);
  } catch (error) {
    damage = error;
  }
  const { inputs, used } = fillAxes(file, declared, sizes);
  const isReshaped = inputs.some(({ shape }, i) => shape.join() !== declared[i]!.shape.join());
  const tflite = (): Uint8Array => {
    if (damage === null) return bytes;
    const problem = `it is no TFLite model (${(damage as Error).message})`;
    throw invalid(`Cannot read "${file}": ${problem}`, "Give a TFLite file that is complete.", damage);
  };
  const model = { name: file, madds: null, graph: null, inputs, isReshaped, onnx, tflite };
  return { model, used, declared };
}
