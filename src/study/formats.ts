import { runTflite } from "../device/litert.ts";
import { loadRuntime } from "../device/runtime.ts";
import { MnasError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Weights } from "../graph/weights.ts";
import type { ModelMetadata } from "../lower/metadata.ts";
import { toOnnx } from "../lower/onnx.ts";
import type { Ranges } from "../lower/quantization.ts";
import { toTflite } from "../lower/tflite.ts";
import type { Task } from "../space/arch.ts";
import type { ProbeImages } from "./probe.ts";

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

/** Logits of ONNX Runtime, one image at a time. */
async function onnxLogits(model: Uint8Array, task: Task, images: ProbeImages): Promise<Float32Array> {
  const ort = await loadRuntime();
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  try {
    const logits: number[] = [];
    for (const image of onnxImages(images, task)) {
      const tensor = new ort.Tensor("float32", image, [1, task.channels, task.height, task.width]);
      const results = await session.run({ image: tensor });
      logits.push(...(results["logits"]!.data as Float32Array));
    }
    return Float32Array.from(logits);
  } finally {
    await session.release();
  }
}

/** A form in which a network can leave. */
interface Format {
  /** What the file is checked with, for people. */
  readonly runtime: string;
  /** With ranges in int8, else in float32. */
  readonly write: (graph: Graph, weights: Weights, metadata: ModelMetadata, ranges?: Ranges) => Uint8Array;
  /** Logits for all images, as the runtime computes them. */
  readonly run: (model: Uint8Array, task: Task, images: ProbeImages) => Promise<Float32Array>;
}

/** Formats by their names, which are also the endings of their files. */
export const formats = {
  onnx: { runtime: "ONNX Runtime", write: toOnnx, run: onnxLogits },
  tflite: { runtime: "LiteRT", write: toTflite, run: (model, _, images) => runTflite(model, images.values) },
} as const satisfies Record<string, Format>;

export type FormatName = keyof typeof formats;
export const formatNames = Object.keys(formats) as FormatName[];

/**
 * The format of a file, by its ending or by what the user said.
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
