import { fillBatch } from "../data/batches.ts";
import { loadDataset, type Dataset } from "../data/dataset.ts";
import { sizeOf } from "../data/images.ts";
import { loadImages } from "../data/source.ts";
import { loadRuntime } from "../device/runtime.ts";
import { createEngine } from "../engine/engine.ts";
import { MnasError } from "../errors.ts";
import type { Weights } from "../graph/weights.ts";
import { toOnnx } from "../lower/onnx.ts";
import type { Task } from "../space/arch.ts";
import { metadataOf, type Candidate } from "./candidate.ts";

/** Normalised images, NHWC. */
export interface ProbeImages {
  readonly count: number;
  readonly values: Float32Array;
}

/** The first images of the validation part, ready for a network. Throws as `loadImages` does. */
export async function probeImages(dataset: Dataset, count: number): Promise<ProbeImages> {
  const used = Math.min(count, dataset.validation.count);
  const order = Uint32Array.from({ length: used }, (_, i) => i);
  const part = await loadImages(dataset.validation, order);
  const images = new Float32Array(used * sizeOf(part));
  fillBatch(dataset, part, order, 0, { images, labels: new Int32Array(used) });
  return { count: used, values: images };
}

/** Images of the embedded data set stretched to another size, for networks that come without data of their own. */
export async function stretchedImages({ height, width, channels }: Task, count: number): Promise<ProbeImages> {
  const dataset = await loadDataset(undefined, { seed: 0 });
  const from = await probeImages(dataset, count);
  const { height: h, width: w } = dataset.validation;
  const values = new Float32Array(from.count * height * width * channels);
  let at = 0;
  for (let n = 0; n < from.count; n++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const pixel = from.values[(n * h + Math.floor((y * h) / height)) * w + Math.floor((x * w) / width)]!;
        for (let c = 0; c < channels; c++) values[at++] = pixel;
      }
    }
  }
  return { count: from.count, values };
}

/** Logits of ONNX Runtime for NHWC images, one image at a time. */
async function onnxLogits(
  model: Uint8Array,
  { height, width, channels }: Task,
  images: ProbeImages,
): Promise<number[]> {
  const ort = await loadRuntime();
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  try {
    const logits: number[] = [];
    const size = height * width * channels;
    for (let n = 0; n < images.count; n++) {
      const nchw = new Float32Array(size);
      for (let i = 0; i < size; i++)
        nchw[(i % channels) * height * width + Math.floor(i / channels)] = images.values[n * size + i]!;
      const results = await session.run({ image: new ort.Tensor("float32", nchw, [1, channels, height, width]) });
      logits.push(...(results["logits"]!.data as Float32Array));
    }
    return logits;
  } finally {
    await session.release();
  }
}

/** How far logits may differ, absolutely or as a share of the largest. */
const tolerance = 1e-4;

/**
 * Writes a network as ONNX and checks that ONNX Runtime and our engine agree on its logits for real images.
 *
 * @throws MnasError `EXPORT_MISMATCH` when they do not.
 */
export async function exportOnnx(
  { arch: { task }, notation, graph }: Candidate,
  weights: Weights,
  data: Pick<Dataset, "classes" | "mean" | "deviation">,
  images: ProbeImages,
): Promise<Uint8Array> {
  const model = toOnnx(graph, weights, metadataOf(notation, data, task));
  const engine = await createEngine(graph, {
    batch: images.count,
    optimizer: { kind: "sgd", momentum: 0, nesterov: false },
    weightDecay: 0,
    labelSmoothing: 0,
    emaDecay: null,
    seed: 0,
  });
  engine.setWeights(weights);
  engine.images.set(images.values);
  const ours = engine.evaluate();
  const theirs = await onnxLogits(model, task, images);
  const largest = theirs.reduce((max, value) => Math.max(max, Math.abs(value)), 1);
  const worst = theirs.reduce((max, value, i) => Math.max(max, Math.abs(value - ours[i]!)), 0);
  if (!(worst <= tolerance * largest)) {
    throw new MnasError(
      "EXPORT_MISMATCH",
      `Cannot export ${notation}: ONNX Runtime's logits differ by ${worst} from the engine's`,
      {
        hint: "This is a defect of mnas or of the runtime; please report it with the notation.",
      },
    );
  }
  return model;
}
