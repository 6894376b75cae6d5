import type { Weights } from "../graph/weights.ts";
import { modelMetadata } from "../lower/metadata.ts";
import type { OnnxOptions } from "../lower/onnx.ts";
import { calibrate } from "./calibrate.ts";
import type { Network } from "../arch/network.ts";
import { ship, usualForms, type FileForm, type Shipped } from "./file-form.ts";
import { formats, type FormatName } from "./formats.ts";
import { spread, type JudgedImages } from "./probe-images.ts";

/** Training images whose values set the ranges, and validation images that both files are compared on, at most. */
const calibrationCount = 256;
const validationCount = 2000;

/** A network's accuracy before and after. */
export interface Int8Report {
  readonly calibrationImages: number;
  readonly validationImages: number;
  /** Of the float32 file, on the validation images. */
  readonly floatAccuracy: number;
  /** Of the int8 file, on the same. */
  readonly accuracy: number;
}

const argmax = (row: Float32Array): number => row.reduce((best, value, i) => (value > row[best]! ? i : best), 0);

async function accuracyOf(
  model: Uint8Array,
  format: FormatName,
  { task, inputOf }: Shipped,
  dataset: JudgedImages,
): Promise<{ accuracy: number; count: number }> {
  let [right, count] = [0, 0];
  for await (const images of spread(dataset, "validation", validationCount)) {
    const outputs = await formats[format].run(model, task, inputOf(images));
    images.labels.forEach((label, n) => {
      if (argmax(outputs.subarray(n * task.classes, (n + 1) * task.classes)) === label) right++;
    });
    count += images.count;
  }
  return { accuracy: right / count, count };
}

/**
 * Writes a trained network with int8 weights and values, whose ranges are those over some training images. Measures the
 * accuracy of both files in the format's runtime. Throws as `loadImages` does.
 */
export async function exportInt8(
  format: FormatName,
  candidate: Network,
  weights: Weights,
  dataset: JudgedImages,
  form: FileForm = usualForms[format],
): Promise<{ model: Uint8Array; report: Int8Report }> {
  const { arch, notation, graph } = candidate;
  const { task } = arch;
  const shipped = ship({ graph, task }, weights, modelMetadata(notation, dataset, task), form);
  const inputs = async function* () {
    for await (const images of spread(dataset, "train", calibrationCount)) yield shipped.inputOf(images);
  };
  const found = await calibrate(shipped.graph, shipped.weights, inputs);
  const own = shipped.range === null ? [] : [[shipped.graph.input.name, shipped.range] as const];
  const ranges = new Map([...found.ranges, ...own]);
  const write = (options: OnnxOptions): Uint8Array =>
    formats[format].write(shipped.graph, shipped.weights, shipped.metadata, options);
  const model = write({ ...form, ranges });
  const before = await accuracyOf(write(form), format, shipped, dataset);
  const after = await accuracyOf(model, format, shipped, dataset);
  return {
    model,
    report: {
      calibrationImages: found.count,
      validationImages: after.count,
      floatAccuracy: before.accuracy,
      accuracy: after.accuracy,
    },
  };
}
