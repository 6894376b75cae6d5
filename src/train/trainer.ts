import type { Dataset } from "../data/dataset.ts";
import { invalid } from "../data/images.ts";
import { createEngine, type Engine, type EngineState } from "../engine/engine.ts";
import type { Graph } from "../graph/graph.ts";
import { initWeights, type Weights } from "../graph/weights.ts";
import { breathe } from "../util/async.ts";
import { createRng } from "../util/rng.ts";
import { mean } from "../util/welch.ts";
import { createFeed, type Feed, type JudgedPart } from "./feed.ts";
import { learningRateAt, planFor, type Plan, type Recipe } from "./recipe.ts";
import { alone, type Team } from "./team.ts";

export interface TrainOptions {
  readonly graph: Graph;
  readonly dataset: Dataset;
  readonly recipe: Recipe;
  /** Decides the initial weights, the order of the images, crops and dropout. */
  readonly seed: string;
  /** Evaluate on the test part as well. */
  readonly withTest?: boolean;
  /**
   * Shares of the steps, above 0 and below 1, after which the training tells how accurate it is so far; when it is resumed,
   * since then.
   */
  readonly rungs?: readonly number[];
  /** How often, at most and at equal distances, the end of an epoch tells how accurate the network is by then. */
  readonly validations?: number;
  /** Weights to begin with, where they are not to be fresh. */
  readonly init?: Weights;
  /** Where an earlier training with the same options was; it goes on as if never interrupted. */
  readonly resume?: EngineState;
  /** The threads that share each batch; the result depends on how many they are, and on nothing else of them. */
  readonly team?: Team;
  readonly signal?: AbortSignal;
  /** Runs each part of a step; a lock can hold it back while something is being timed on this machine. */
  readonly hold?: <T>(step: () => T) => T | Promise<T>;
}

/** Where a training is after a step. */
export interface Progress {
  /** Steps done, of `steps`. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  /** Share of the last batch that was classified correctly. */
  readonly batchAccuracy: number;
  /** Share of the images of the later half of all steps so far that were classified correctly, at a rung; null elsewhere. */
  readonly accuracy: number | null;
  /** Share of correct answers on the validation part, where it was asked for; null elsewhere. */
  readonly validationAccuracy: number | null;
  /** What `resume` takes; null when the next step has begun. */
  state(): EngineState | null;
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

/** Steps done at a rung: at least one. */
export const rungStep = (rung: number, steps: number): number => Math.max(1, Math.round(rung * steps));

/** Whether the network is judged after so many steps; after the last one it always is. */
function isValidated(step: number, { stepsPerEpoch, steps }: Plan, validations: number): boolean {
  const every = stepsPerEpoch * Math.ceil(steps / stepsPerEpoch / validations);
  return step % every === 0 && step < steps;
}

/** Share of images of a part that the engine's current weights classify correctly; the team shares the batches. */
async function accuracyOf(
  engine: Engine,
  feed: Feed,
  part: JudgedPart,
  { dataset, team = alone, signal, hold = (step) => step() }: TrainOptions,
): Promise<number> {
  let [correct, count] = [0, 0];
  for await (const filled of feed.judge(part, engine)) {
    signal?.throwIfAborted();
    const answers = await hold(() => predictions(engine.evaluate(), dataset.classes.length, filled));
    for (let i = 0; i < filled; i++) if (answers[i] === engine.labels[i]) correct += 1;
    count += filled;
    await breathe();
  }
  const [right, all] = await team.combine([], [correct, count]);
  if (all === 0) throw invalid(`Cannot judge: all images of the ${part} part are damaged`, "Replace them.");
  return right! / all!;
}

/**
 * Trains a network, yielding after each step; the same seed and size of team give the same bits.
 *
 * @throws Diverged when the loss is not finite. @throws the signal's reason when aborted.
 */
export async function* train(options: TrainOptions): AsyncGenerator<Progress, Trained> {
  const { graph, dataset, recipe, seed, init, resume, signal, withTest = false, rungs = [] } = options;
  const { validations = 0, team = alone, hold = (step) => step() } = options;
  const rng = createRng(seed);
  const start = performance.now();
  const plan = planFor(recipe, dataset, team.size);
  const { batch, steps } = plan;

  const engine = await createEngine(graph, {
    batch: batch / team.size,
    optimizer: recipe.optimizer,
    weightDecay: recipe.weightDecay,
    labelSmoothing: recipe.labelSmoothing,
    emaDecay: recipe.emaDecay,
    ...(recipe.batchNormMomentum === null ? {} : { batchNormMomentum: recipe.batchNormMomentum }),
    seed: team.rank === 0 ? `${seed}/dropout` : `${seed}/dropout/${team.rank}`,
  });
  if (resume === undefined) engine.setWeights(new Map([...initWeights(graph, rng.fork("init")), ...(init ?? [])]));
  else engine.setState(resume);
  const feed = createFeed({ dataset, plan, rng, rank: team.rank });
  const told = new Set(rungs.map((rung) => rungStep(rung, steps)));
  const accuracies: number[] = [];
  // A step that has begun has changed running statistics, and its end the weights.
  let isUnderWay = false;
  const state = (): EngineState | null => (isUnderWay ? null : engine.state());

  for (let step = resume?.steps ?? 0; step < steps; step++) {
    signal?.throwIfAborted();
    await feed.train(step, engine);
    const own = await hold(() => {
      isUnderWay = true;
      return engine.differentiate();
    });
    // The statistics of batch-norm are averaged with the gradients, so that all threads are in one state after a step.
    const [losses, correct] = await team.combine(engine.shared, [own.loss, own.correct]);
    const loss = losses! / team.size;
    await hold(() => engine.update(learningRateAt(step, plan)));
    isUnderWay = false;
    if (!Number.isFinite(loss)) throw new Diverged(step + 1, loss);
    const batchAccuracy = correct! / batch;
    if (told.size > 0) accuracies.push(batchAccuracy);
    const accuracy = told.has(step + 1) ? mean(accuracies.slice(accuracies.length >> 1)) : null;
    const isDue = isValidated(step + 1, plan, validations);
    const validationAccuracy = isDue ? await accuracyOf(engine, feed, "validation", options) : null;
    yield { step: step + 1, steps, loss, batchAccuracy, accuracy, validationAccuracy, state };
    await breathe();
  }

  const accuracy = await accuracyOf(engine, feed, "validation", options);
  const testAccuracy = withTest ? await accuracyOf(engine, feed, "test", options) : null;
  const weights = engine.weights();
  for (const values of weights.values()) {
    // The last update can overflow after the last finite loss.
    if (values.some((value) => !Number.isFinite(value))) throw new Diverged(steps, NaN);
  }
  return { weights, accuracy, testAccuracy, seconds: (performance.now() - start) / 1000 };
}
