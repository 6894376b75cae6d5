import type { Dataset } from "../data/dataset.ts";
import { createEngine } from "../engine/engine.ts";
import type { Graph } from "../graph/graph.ts";
import type { Weights } from "../graph/weights.ts";
import { modelFacts } from "../train/facts.ts";
import { proxyRecipe } from "../train/presets.ts";
import { predictions } from "../train/trainer.ts";
import { breathe } from "../util/async.ts";
import { judgedImages, spread } from "../export/probe-images.ts";

/** Of one class: its validation images, and how many of these and of their mirror images are classified right. */
export interface MirrorCount {
  readonly images: number;
  readonly right: number;
  readonly mirrored: number;
}

/** Mirrors NHWC rows left to right. */
export function mirrorRows(values: Float32Array, width: number, channels: number): Float32Array {
  const out = new Float32Array(values.length);
  const line = width * channels;
  for (let from = 0; from < values.length; from += line) {
    for (let x = 0; x < width; x++) {
      const at = from + x * channels;
      out.set(values.subarray(at, at + channels), from + (width - 1 - x) * channels);
    }
  }
  return out;
}

/** At so many standard errors the images of classes that fall are more than chance. */
const enough = 3;

/**
 * The classes, by index, of which a network that saw no mirrored images loses most when they are mirrored; none where as
 * much could be chance. Where a mirrored image is as good as any, classes gain as often as they lose.
 */
export function changedClasses(counts: readonly MirrorCount[]): number[] {
  const fallen = [...counts.keys()].filter((k) => counts[k]!.right - counts[k]!.mirrored > counts[k]!.right / 2);
  const lost = fallen.reduce((sum, k) => sum + counts[k]!.right - counts[k]!.mirrored, 0);
  const won = counts.reduce(
    (sum, { right, mirrored }) => (mirrored - right > mirrored / 2 ? sum + mirrored - right : sum),
    0,
  );
  return lost - won >= enough * Math.sqrt(lost + won) && lost > 0 ? fallen : [];
}

/** At most so many validation images are looked at. */
const mostImages = 10_000;

/** Judges a network on validation images and on their mirror images, by class. Throws as `loadImages` does. */
export async function judgeMirrored(
  graph: Graph,
  weights: Weights,
  dataset: Dataset,
  signal: AbortSignal,
): Promise<MirrorCount[]> {
  const counts = dataset.classes.map(() => ({ images: 0, right: 0, mirrored: 0 }));
  const { width, channels } = dataset.train;
  const batch = 64;
  const { optimizer, weightDecay, labelSmoothing, emaDecay } = proxyRecipe;
  const engine = await createEngine(graph, { batch, optimizer, weightDecay, labelSmoothing, emaDecay, seed: "" });
  engine.setWeights(weights);
  const answersTo = (values: Float32Array, count: number): number[] => {
    engine.images.set(values);
    return predictions(engine.evaluate(), dataset.classes.length, count);
  };
  for await (const { count, values, labels } of spread(
    judgedImages(dataset, modelFacts(dataset, null)),
    "validation",
    mostImages,
  )) {
    signal.throwIfAborted();
    const plain = answersTo(values, count);
    const turned = answersTo(mirrorRows(values, width, channels), count);
    for (let i = 0; i < count; i++) {
      const of = counts[labels[i]!]!;
      of.images++;
      if (plain[i] === labels[i]) of.right++;
      if (turned[i] === labels[i]) of.mirrored++;
    }
    await breathe();
  }
  return counts;
}
