import { z } from "zod";
import { augmentations, type AugmentationName } from "../data/augment.ts";
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
  /** How training images are varied; null for `crop` where images are coloured: those are photographs more often than not. */
  augment: z.enum(augmentations).nullable(),
  /** Whether varied images are mirrored as well; null or nothing where the data decide. */
  flip: z.boolean().nullable().optional(),
});

export type Recipe = z.output<typeof recipeSchema>;

/** A recipe with everything settled that depends on the data and on who trains. */
export interface Plan extends Recipe {
  readonly augment: AugmentationName;
  /** Threads that share each batch; it is a multiple of their number. */
  readonly workers: number;
  readonly stepsPerEpoch: number;
  readonly steps: number;
}

/** Fewest images of a batch that are worth a thread, and enough for statistics of their own. */
const fewestImages = 16;

/** How many of the `cores` share a batch unless the user says: each has some images. */
export const workersFor = ({ batch }: Recipe, { train }: Pick<Dataset, "train">, cores: number): number =>
  Math.max(1, Math.min(cores, Math.floor(Math.min(batch, train.count) / fewestImages)));

/**
 * Settles a recipe for data: no batch is larger than the data, each is shared equally by the workers, and where few
 * images need more passes, warm-up and decay last as many times longer.
 */
export function planFor(recipe: Recipe, { train }: Pick<Dataset, "train">, wanted = 1): Plan {
  const workers = Math.min(wanted, recipe.batch, train.count);
  const batch = Math.floor(Math.min(recipe.batch, train.count) / workers) * workers;
  const stepsPerEpoch = Math.floor(train.count / batch);
  const longer = Math.max(1, recipe.minSteps / (recipe.epochs * stepsPerEpoch));
  const { schedule } = recipe;
  return {
    ...recipe,
    batch,
    epochs: recipe.epochs * longer,
    warmupEpochs: recipe.warmupEpochs * longer,
    schedule: "everyEpochs" in schedule ? { ...schedule, everyEpochs: schedule.everyEpochs * longer } : schedule,
    augment: recipe.augment ?? (train.channels === 3 ? "crop" : "none"),
    workers,
    stepsPerEpoch,
    steps: Math.max(1, Math.round(recipe.epochs * longer * stepsPerEpoch)),
  };
}

/** Whether a plan mirrors images of these data. */
export const isFlipped = ({ augment, flip }: Pick<Plan, "augment" | "flip">, { canFlip }: Pick<Dataset, "canFlip">) =>
  augment !== "none" && (flip ?? canFlip);

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
