import { z } from "zod";
import { centre } from "../data/augment.ts";
import type { Dataset } from "../data/dataset.ts";
import { metadataEntries, metadataOf, modelMetadata, type ModelFacts } from "../lower/metadata.ts";
import type { Task } from "../space/arch.ts";
import { planFor, type Recipe } from "./recipe.ts";
import { parseJson } from "../util/json.ts";

/** Everything that a training decided about a network besides its weights. */
export interface TrainingFacts extends ModelFacts {
  readonly data: {
    readonly name: string;
    /** Key of the data set. */
    readonly key: string;
    /** Seed that decides which images are trained on and which validate. */
    readonly seed: number;
  };
  /** As it was asked for, in its fields; null where another program trained in its own way. */
  readonly recipe: Readonly<Record<string, unknown>> | null;
  /** Share of correct answers on the validation images, 0..1. */
  readonly accuracy: number;
  /** The same on the test images; null where the network was not judged on them. */
  readonly testAccuracy: number | null;
}

/**
 * The facts that data and a recipe decide, without a training; null for a recipe is a program that sees all of each image
 * and trains as it likes.
 */
export function modelFacts(dataset: Dataset, recipe: Recipe | null): ModelFacts & { readonly crop: number } {
  const { classes, mean, deviation, train, validation } = dataset;
  const isLarger = recipe !== null && planFor(recipe, { train }).augment === "resized-crop";
  // Pictures without files of their own cannot be had any larger.
  return { classes, mean, deviation, crop: isLarger && validation.files !== null ? centre : 1 };
}

interface Training extends Pick<TrainingFacts, "accuracy" | "testAccuracy"> {
  readonly dataset: Dataset;
  readonly seed: number;
  /** Null as for `modelFacts`. */
  readonly recipe: Recipe | null;
}

/** The facts of a training that has ended. */
export function factsOf({ dataset, seed, recipe, accuracy, testAccuracy }: Training): TrainingFacts {
  const { name, key } = dataset;
  const asked = recipe === null ? null : { ...recipe };
  return { ...modelFacts(dataset, recipe), data: { name, key, seed }, recipe: asked, accuracy, testAccuracy };
}

/** The key of what only a file of weights says. */
const trainingKey = "training";

const share = z.number().min(0).max(1);
const trainingSchema = z.object({
  data: z.object({ name: z.string(), key: z.string(), seed: z.number() }),
  recipe: z.record(z.string(), z.unknown()).nullable(),
  accuracy: share,
  testAccuracy: share.nullable(),
});

/** The facts as named texts, under the names that model files use. */
export function factsEntries(notation: string, facts: TrainingFacts, task: Task): Record<string, string> {
  const { data, recipe, accuracy, testAccuracy } = facts;
  const entries = metadataEntries(modelMetadata(notation, facts, task), "NHWC");
  return {
    ...Object.fromEntries(entries.map(({ key, value }) => [key, value])),
    [trainingKey]: JSON.stringify({ data, recipe, accuracy, testAccuracy }),
  };
}

function parsed(text: string | undefined): unknown {
  try {
    return parseJson(text ?? "");
  } catch {
    return null;
  }
}

/** Reads what `factsEntries` wrote for a network with this task; null when something is missing or does not fit the task. */
export function readFacts(texts: Readonly<Record<string, string>>, task: Task): TrainingFacts | null {
  const { classes, preprocessing } = metadataOf(new Map(Object.entries(texts)));
  const training = trainingSchema.safeParse(parsed(texts[trainingKey]));
  if (classes === null || preprocessing === null || !training.success) return null;
  const { mean, deviation, crop, height, width, channels } = preprocessing;
  const fits =
    classes.length === task.classes &&
    [height, width, channels].join() === [task.height, task.width, task.channels].join() &&
    [mean, deviation].every((values) => values.length === channels) &&
    crop !== undefined;
  return fits ? { classes, mean, deviation, crop, ...training.data } : null;
}
