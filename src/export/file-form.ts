import type { Graph } from "../graph/graph.ts";
import type { Weights } from "../graph/weights.ts";
import { adaptInput, type InputForm } from "../lower/input.ts";
import type { ModelMetadata } from "../lower/metadata.ts";
import type { OnnxOptions } from "../lower/onnx.ts";
import type { Range } from "../lower/quantization.ts";
import type { Task } from "../space/arch.ts";
import type { FormatName } from "./formats.ts";
import type { ProbeImages } from "./probe-images.ts";

/** How a file that leaves differs from the network: its input, its output, its batch. */
export interface FileForm extends InputForm, Omit<OnnxOptions, "ranges"> {}

/** The form without being asked for another: the one that most readers of the format take. */
export const usualForms: Readonly<Record<FormatName, FileForm>> = {
  onnx: { input: "normalised", rgb: false },
  tflite: { input: "pixels", rgb: false },
};

/** A network as its file has it. */
export interface Shipped {
  readonly graph: Graph;
  readonly weights: Weights;
  readonly metadata: ModelMetadata;
  /** The task with the channels of the file's input. */
  readonly task: Task;
  /** The file's input for images that are ready for the network itself. */
  readonly inputOf: <T extends ProbeImages>(images: T) => T;
  /** Range of the file's input, where it follows from the form. */
  readonly range: Range | null;
}

/** A network in the form of a file; `metadata` is that of the network itself. */
export function ship(
  { graph, task }: { readonly graph: Graph; readonly task: Task },
  weights: Weights,
  metadata: ModelMetadata,
  form: FileForm,
): Shipped {
  const { mean, deviation, channels } = metadata.preprocessing;
  const adapted = adaptInput(graph, weights, metadata.preprocessing, form);
  const isPixels = form.input === "pixels";
  const copies = adapted.preprocessing.channels / channels;
  const pixelOf = (value: number, c: number): number => (isPixels ? 255 * (value * deviation[c]! + mean[c]!) : value);
  const inputOf = <T extends ProbeImages>(images: T): T => {
    const { values } = images;
    const at = (i: number): number => Math.floor(i / copies);
    return {
      ...images,
      values: Float32Array.from({ length: values.length * copies }, (_, i) =>
        pixelOf(values[at(i)]!, at(i) % channels),
      ),
    };
  };
  return {
    graph: adapted.graph,
    weights: adapted.weights,
    metadata: { ...metadata, preprocessing: adapted.preprocessing },
    task: { ...task, channels: adapted.preprocessing.channels },
    inputOf,
    range: isPixels ? { min: 0, max: 255 } : null,
  };
}
