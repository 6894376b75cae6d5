import { augmentationFor, epochOrder, fillBatch } from "../data/batches.ts";
import type { Dataset, Images } from "../data/dataset.ts";
import { createEngine, type Engine } from "../engine/engine.ts";
import type { Graph } from "../graph/graph.ts";
import { initWeights, type Weights } from "../graph/weights.ts";
import { breathe } from "../util/async.ts";
import { createRng } from "../util/rng.ts";
import { learningRateAt, planFor, type Recipe } from "./recipe.ts";

export interface TrainOptions {
  readonly graph: Graph;
  readonly dataset: Dataset;
  readonly recipe: Recipe;
  /** Decides the initial weights, the order of the images, crops and dropout. */
  readonly seed: string;
  /** Evaluate on the test part as well. */
  readonly withTest?: boolean;
  readonly signal?: AbortSignal;
  /** Runs each step; a lock can hold it back while something is being timed on this machine. */
  readonly hold?: <T>(step: () => T) => T;
}

/** Where a training is after a step. */
export interface Progress {
  /** Steps done, of `steps`. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  /** Share of the last batch that was classified correctly. */
  readonly batchAccuracy: number;
}

export interface Trained {
  readonly weights: Weights;
  /** Share of correct answers on the validation part, 0..1. */
  readonly accuracy: number;
  /** The same on the test part; null unless asked for. */
  readonly testAccuracy: number | null;
  readonly seconds: number;
}

/** The loss left the numbers; the network cannot be trained with this recipe. */
export class Diverged extends Error {
  override readonly name = "Diverged";
  /** From 1. */
  readonly step: number;

  constructor(step: number, loss: number) {
    super(`loss is ${loss} at step ${step}`);
    this.step = step;
  }
}

/** Class index of the largest logit of each of the first `count` rows. */
export function predictions(logits: Float32Array, classes: number, count: number): number[] {
  return Array.from({ length: count }, (_, row) => {
    let best = 0;
    for (let k = 1; k < classes; k++) if (logits[row * classes + k]! > logits[row * classes + best]!) best = k;
    return best;
  });
}

/** Share of images that the engine's current weights classify correctly. */
async function accuracyOf(
  engine: Engine,
  dataset: Dataset,
  images: Images,
  options: Pick<TrainOptions, "signal" | "hold"> = {},
): Promise<number> {
  const { signal, hold = (step) => step() } = options;
  const order = Uint32Array.from({ length: images.count }, (_, i) => i);
  let correct = 0;
  for (let from = 0; from < images.count; from += engine.batch) {
    signal?.throwIfAborted();
    const count = fillBatch(dataset, images, order, from, engine);
    const answers = hold(() => predictions(engine.evaluate(), dataset.classes.length, count));
    for (let i = 0; i < count; i++) if (answers[i] === engine.labels[i]) correct += 1;
    await breathe();
  }
  return correct / images.count;
}

/**
 * Trains a network from scratch, yielding after each step; the same seed gives the same bits.
 *
 * @throws Diverged when the loss is not finite. @throws the signal's reason when aborted.
 */
export async function* train(options: TrainOptions): AsyncGenerator<Progress, Trained> {
  const { graph, dataset, recipe, seed, signal, withTest = false, hold = (step) => step() } = options;
  const rng = createRng(seed);
  const start = performance.now();
  const plan = planFor(recipe, dataset);
  const { batch, stepsPerEpoch, steps } = plan;
  const augmentation = plan.augment ? augmentationFor(dataset) : null;

  const engine = await createEngine(graph, {
    batch,
    optimizer: recipe.optimizer,
    weightDecay: recipe.weightDecay,
    labelSmoothing: recipe.labelSmoothing,
    emaDecay: recipe.emaDecay,
    ...(recipe.batchNormMomentum === null ? {} : { batchNormMomentum: recipe.batchNormMomentum }),
    seed: `${seed}/dropout`,
  });
  engine.setWeights(initWeights(graph, rng.fork("init")));

  let order = new Uint32Array();
  for (let step = 0; step < steps; step++) {
    signal?.throwIfAborted();
    const epoch = Math.floor(step / stepsPerEpoch);
    const from = (step % stepsPerEpoch) * batch;
    if (from === 0) order = epochOrder(dataset.train.count, rng.fork(`order/${epoch}`));
    const augment = augmentation === null ? undefined : { ...augmentation, rng: rng.fork(`augment/${step}`) };
    fillBatch(dataset, dataset.train, order, from, engine, augment);
    const { loss, correct } = hold(() => engine.step(learningRateAt(step, plan)));
    if (!Number.isFinite(loss)) throw new Diverged(step + 1, loss);
    yield { step: step + 1, steps, loss, batchAccuracy: correct / batch };
    await breathe();
  }

  const accuracy = await accuracyOf(engine, dataset, dataset.validation, options);
  const testAccuracy = withTest ? await accuracyOf(engine, dataset, dataset.test, options) : null;
  const weights = engine.weights();
  for (const values of weights.values()) {
    // The last update can overflow after the last finite loss.
    if (values.some((value) => !Number.isFinite(value))) throw new Diverged(steps, NaN);
  }
  return { weights, accuracy, testAccuracy, seconds: (performance.now() - start) / 1000 };
}
