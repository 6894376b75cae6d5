import type { AxisSizes } from "../axes.ts";
import type { ModelFile } from "./model-file.ts";
import { openOnnxFile } from "./onnx.ts";
import { openTfliteFile } from "./tflite.ts";

/** Readers of files by their endings. */
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
