import { runTflite } from "../device/litert.ts";
import { loadRuntime } from "../device/runtime.ts";
import { MnasError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Weights } from "../graph/weights.ts";
import type { ModelMetadata } from "../lower/metadata.ts";
import { toOnnx, type OnnxOptions } from "../lower/onnx.ts";
import { toTflite } from "../lower/tflite.ts";
import type { Task } from "../space/arch.ts";
import type { ProbeImages } from "./probe-images.ts";

/** Each image in the order of dimensions that our ONNX models want. */
export function* onnxImages(
  { count, values }: ProbeImages,
  { height, width, channels }: Pick<Task, "height" | "width" | "channels">,
): Iterable<Float32Array> {
  const size = height * width * channels;
  for (let n = 0; n < count; n++) {
    const nchw = new Float32Array(size);
    for (let i = 0; i < size; i++)
      nchw[(i % channels) * height * width + Math.floor(i / channels)] = values[n * size + i]!;
    yield nchw;
  }
}

/** Outputs of ONNX Runtime, as many images at a time as the model takes. */
async function onnxOutputs(model: Uint8Array, task: Task, images: ProbeImages): Promise<Float32Array> {
  const ort = await loadRuntime();
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    // On x64 without VNNI, sums of int8 products are cut off at 16 bits unless this asks for the exact ones.
    extra: { session: { x64quantprecision: "1" } },
  });
  try {
    const { channels, height, width } = task;
    const [declared] = session.inputMetadata.map((input) => (input.isTensor ? input.shape[0] : undefined));
    const batch = typeof declared === "number" && declared > 0 ? declared : 1;
    const outputs: Float32Array[] = [];
    const inputs = [...onnxImages(images, task)];
    for (let from = 0; from < inputs.length; from += batch) {
      // The last batch may be too large for the images; what is left of it stays 0 and its outputs are dropped.
      const values = new Float32Array(batch * channels * height * width);
      const some = inputs.slice(from, from + batch);
      some.forEach((image, i) => values.set(image, i * image.length));
      const results = await session.run({ image: new ort.Tensor("float32", values, [batch, channels, height, width]) });
      const output = results[session.outputNames[0]!]!.data as Float32Array;
      outputs.push(output.slice(0, (output.length / batch) * some.length));
    }
    return Float32Array.from(outputs.flatMap((output) => [...output]));
  } finally {
    await session.release();
  }
}

/** A form in which a network can leave. */
interface Format {
  /** The program that checks the file, for people. */
  readonly runtime: string;
  /** Without ranges in float32. */
  readonly write: (graph: Graph, weights: Weights, metadata: ModelMetadata, options?: OnnxOptions) => Uint8Array;
  /** The model's output for all images, as the runtime computes it. */
  readonly run: (model: Uint8Array, task: Task, images: ProbeImages) => Promise<Float32Array>;
}

/** Formats by their names, which are also the endings of their files. */
export const formats = {
  onnx: { runtime: "ONNX Runtime", write: toOnnx, run: onnxOutputs },
  tflite: { runtime: "LiteRT", write: toTflite, run: (model, _, images) => runTflite(model, images.values) },
} as const satisfies Record<string, Format>;

export type FormatName = keyof typeof formats;
export const formatNames = Object.keys(formats) as FormatName[];

/**
 * The format of a file, by its ending or by the user's word.
 *
 * @throws MnasError `USAGE` when the two disagree, or neither says it.
 */
export function formatOf(file: string, said?: FormatName): FormatName {
  const byEnding = formatNames.find((name) => file.toLowerCase().endsWith(`.${name}`));
  if (said !== undefined && byEnding !== undefined && said !== byEnding) {
    throw new MnasError("USAGE", `Cannot write "${file}" as ${said}: its ending says ${byEnding}`, {
      hint: `Leave --format out, or end the file in .${said}.`,
    });
  }
  const format = said ?? byEnding;
  if (format !== undefined) return format;
  throw new MnasError("USAGE", `Cannot write "${file}": its ending does not say in which format`, {
    hint: `End it in ${formatNames.map((name) => `.${name}`).join(" or ")}, or use --format.`,
  });
}
