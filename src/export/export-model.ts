import { createEngine } from "../engine/engine.ts";
import { MnasError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import type { Weights } from "../graph/weights.ts";
import { modelMetadata, type ModelFacts } from "../lower/metadata.ts";
import type { Network } from "../arch/network.ts";
import { ship, usualForms, type FileForm } from "./file-form.ts";
import { formats, type FormatName } from "./formats.ts";
import type { ProbeImages } from "./probe-images.ts";

/** Logits of our own engine. */
async function engineLogits(graph: Graph, weights: Weights, images: ProbeImages): Promise<Float32Array> {
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
  return engine.evaluate();
}

/** Probabilities of logits, `classes` of them for each image. */
export function softmaxOf(logits: Float32Array, classes: number): Float32Array {
  const out = new Float32Array(logits.length);
  for (let from = 0; from < logits.length; from += classes) {
    const row = logits.subarray(from, from + classes);
    const largest = row.reduce((max, value) => Math.max(max, value), -Infinity);
    const powers = Float64Array.from(row, (value) => Math.exp(value - largest));
    const sum = powers.reduce((total, value) => total + value, 0);
    out.set(
      powers.map((value) => value / sum),
      from,
    );
  }
  return out;
}

/** How far logits may differ, absolutely or as a share of the largest. */
const tolerance = 1e-4;

/**
 * Writes a network in a format and checks that the format's runtime and our engine agree on its outputs for real images.
 *
 * @throws MnasError `EXPORT_MISMATCH` when they do not.
 */
export async function exportModel(
  format: FormatName,
  { arch: { task }, notation, graph }: Network,
  weights: Weights,
  facts: ModelFacts,
  images: ProbeImages,
  form: FileForm = usualForms[format],
): Promise<Uint8Array> {
  const { write, run, runtime } = formats[format];
  const shipped = ship({ graph, task }, weights, modelMetadata(notation, facts, task), form);
  const model = write(shipped.graph, shipped.weights, shipped.metadata, form);
  const logits = await engineLogits(graph, weights, images);
  const ours = form.softmax === true ? softmaxOf(logits, task.classes) : logits;
  const theirs = await run(model, shipped.task, shipped.inputOf(images));
  const largest = theirs.reduce((max, value) => Math.max(max, Math.abs(value)), 1);
  const worst = theirs.reduce((max, value, i) => Math.max(max, Math.abs(value - ours[i]!)), 0);
  if (!(worst <= tolerance * largest)) {
    throw new MnasError(
      "EXPORT_MISMATCH",
      `Cannot export ${notation}: ${runtime}'s outputs differ by ${worst} from the engine's`,
      {
        hint: "This is a defect of mnas or of the runtime; please report it with the notation.",
      },
    );
  }
  return model;
}
