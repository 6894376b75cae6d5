import type { Recipe } from "./recipe.ts";

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
  augment: "none",
};

/**
 * The long training of finalists and reference networks. The fewest steps of both recipes are what the embedded data
 * take: in the 16 steps that 8 epochs of 135 images make, four networks stayed at chance (33.3 %); 800 had them at
 * 59 %. Crops and flips cost 4 points on the embedded data (88.2 to 83.9 % in 8 epochs) and gained 9 on 500 photographs
 * of CIFAR-10 (23.5 to 32.4 % in 800 steps of 32 images).
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

/**
 * The recipe of the MnasNet paper (section 5) and of its reference code, for ImageNet: there 4,096 images per step at
 * 0.256, here as many as fit one machine, with the learning rate in proportion, 0.016 for 256 images.
 */
const mnasnetRecipe: Recipe = {
  epochs: 350,
  minSteps: 0,
  batch: 128,
  optimizer: { kind: "rmsprop", decay: 0.9, momentum: 0.9, epsilon: 0.001 },
  learningRate: 0.008,
  warmupEpochs: 5,
  schedule: { kind: "exponential", factor: 0.97, everyEpochs: 2.4 },
  labelSmoothing: 0.1,
  weightDecay: 1e-5,
  emaDecay: 0.9999,
  batchNormMomentum: null,
  augment: "resized-crop",
};

/** For some hundred to some thousand images: many passes in small batches, and the average of the last weights. */
const smallRecipe: Recipe = {
  ...finalRecipe,
  epochs: 60,
  minSteps: 3000,
  batch: 32,
  learningRate: 0.1,
  warmupEpochs: 2,
  emaDecay: 0.99,
};

/** Every recipe that has a name. */
export const recipes = { proxy: proxyRecipe, final: finalRecipe, mnasnet: mnasnetRecipe, small: smallRecipe } as const;
export type RecipeName = keyof typeof recipes;
export const recipeNames = Object.keys(recipes) as [RecipeName, ...RecipeName[]];
