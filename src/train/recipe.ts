import { z } from "zod";
import type { Dataset } from "../data/dataset.ts";
import { cos, pow } from "../util/math.ts";

const positive = z.number().positive();

const optimizerSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("rmsprop"),
    decay: z.number().min(0).lt(1).default(0.9),
    momentum: z.number().min(0).lt(1).default(0.9),
    epsilon: positive.default(0.001),
  }),
  z.strictObject({
    kind: z.literal("sgd"),
    momentum: z.number().min(0).lt(1).default(0.9),
    nesterov: z.boolean().default(true),
  }),
]);

const scheduleSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("cosine") }),
  z.strictObject({ kind: z.literal("exponential"), factor: positive.max(1), everyEpochs: positive }),
]);

/** How a network is trained; every value has a unit or a range in its name or below. */
export const recipeSchema = z.strictObject({
  epochs: positive,
  /** Small data are passed over more often than `epochs` until this many steps are made. */
  minSteps: z.int().min(0),
  batch: z.int().positive(),
  optimizer: optimizerSchema,
  /** Peak learning rate, after warm-up. */
  learningRate: positive,
  warmupEpochs: z.number().min(0),
  schedule: scheduleSchema,
  /** Share of the probability given to all classes alike. */
  labelSmoothing: z.number().min(0).lt(1),
  /** L2 on all weights but batch-norm's. */
  weightDecay: z.number().min(0),
  /** Decay of the moving average of weights; null to evaluate the weights themselves. */
  emaDecay: z.number().min(0).lt(1).nullable(),
  /** Share of batch-norm's running statistics kept at each step; null for the network's own 0.99. */
  batchNormMomentum: z.number().min(0).lt(1).nullable(),
  /** Random crops and flips; null for colour images only, which are photographs more often than not. */
  augment: z.boolean().nullable(),
});

export type Recipe = z.output<typeof recipeSchema>;

/**
 * The proxy task of a search: few epochs on small data. It ranks networks; it does not make good ones. Statistics and
 * averages follow fast, since a few hundred steps are all there is.
 */
export const proxyRecipe: Recipe = {
  epochs: 2,
  minSteps: 200,
  batch: 64,
  optimizer: { kind: "sgd", momentum: 0.9, nesterov: true },
  learningRate: 0.1,
  warmupEpochs: 0.2,
  schedule: { kind: "cosine" },
  labelSmoothing: 0,
  weightDecay: 1e-4,
  emaDecay: null,
  batchNormMomentum: 0.9,
  augment: false,
};

/**
 * The long training of finalists and reference networks. The fewest steps of both recipes are what the embedded data
 * take: in the 16 steps that 8 epochs of 135 images make, four networks stayed at chance (33.3 %); 800 had them at
 * 59 %. Crops and flips cost 4 points on the embedded data (88.2 to 83.9 % in 8 epochs) and gained 9 on 500 photographs
 * of CIFAR-10 (23.5 to 32.4 % in 800 steps).
 */
export const finalRecipe: Recipe = {
  ...proxyRecipe,
  epochs: 8,
  minSteps: 800,
  learningRate: 0.2,
  labelSmoothing: 0.1,
  weightDecay: 5e-4,
  batchNormMomentum: 0.95,
  augment: null,
};

/** A recipe with everything settled that depends on the data. */
export interface Plan extends Recipe {
  readonly augment: boolean;
  readonly stepsPerEpoch: number;
  readonly steps: number;
}

/** Settles a recipe for data: no batch is larger than the data, and where few images need more passes, warm-up and decay last as many times longer. */
export function planFor(recipe: Recipe, { train }: Pick<Dataset, "train">): Plan {
  const batch = Math.min(recipe.batch, train.count);
  const stepsPerEpoch = Math.floor(train.count / batch);
  const longer = Math.max(1, recipe.minSteps / (recipe.epochs * stepsPerEpoch));
  const { schedule } = recipe;
  return {
    ...recipe,
    batch,
    epochs: recipe.epochs * longer,
    warmupEpochs: recipe.warmupEpochs * longer,
    schedule: "everyEpochs" in schedule ? { ...schedule, everyEpochs: schedule.everyEpochs * longer } : schedule,
    augment: recipe.augment ?? train.channels === 3,
    stepsPerEpoch,
    steps: Math.max(1, Math.round(recipe.epochs * longer * stepsPerEpoch)),
  };
}

/** Learning rate at a step: linear warm-up to the peak, then the schedule over what remains. */
export function learningRateAt(step: number, plan: Plan): number {
  const { learningRate, warmupEpochs, schedule, stepsPerEpoch, steps } = plan;
  const warmupSteps = warmupEpochs * stepsPerEpoch;
  if (step < warmupSteps) return (learningRate * (step + 1)) / (warmupSteps + 1);
  if (schedule.kind === "exponential") {
    // The decay counts from step 0 and goes down in stairs, as the MnasNet reference code does.
    return learningRate * pow(schedule.factor, Math.floor(step / (stepsPerEpoch * schedule.everyEpochs)));
  }
  const progress = (step - warmupSteps) / Math.max(1, steps - warmupSteps);
  return learningRate * 0.5 * (1 + cos(Math.PI * Math.min(1, progress)));
}
