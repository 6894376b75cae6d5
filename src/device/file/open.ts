import type { AxisSizes, DeclaredInput } from "../axes.ts";
import type { DeviceModel } from "../device.ts";
import { openOnnxFile } from "./onnx.ts";
import { openTfliteFile } from "./tflite.ts";

/** A model file that a user has. */
export interface ModelFile {
  readonly model: DeviceModel;
  /** Names of the sizes that fill axes of it. */
  readonly used: ReadonlySet<string>;
  /** Its inputs as the file declares them. */
  readonly declared: readonly DeclaredInput[];
}

/** What opens a file, by its ending. */
const openers: ReadonlyMap<string, (file: string, sizes: AxisSizes) => ModelFile> = new Map([
  [".onnx", (file: string, sizes: AxisSizes) => openOnnxFile(file, sizes)],
  [".tflite", openTfliteFile],
]);

/** Whether a name is that of a model file. */
export const isModelFile = (name: string): boolean => [...openers.keys()].some((ending) => name.endsWith(ending));

/**
 * Opens an .onnx or .tflite file, with the open sizes of its inputs filled.
 *
 * @throws MnasError `FILE_NOT_FOUND`; `MODEL_INVALID` when it is damaged or a size is missing; `USAGE` for a size that it
 * does not have.
 */
export const openModelFile = (file: string, sizes: AxisSizes): ModelFile =>
  [...openers].find(([ending]) => file.endsWith(ending))![1](file, sizes);
