import type { ProxyNote } from "../../store/facts.ts";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Config } from "../../config/config.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { Recipe } from "../../train/recipe.ts";
import { MnasError } from "../../errors.ts";
import { makeFolder, readFile, writeFileAtomically } from "../../util/files.ts";
import { stateFolder } from "../../util/home.ts";
import type { Ranking } from "./ranking.ts";

/** A proxy of one length, and how well it ranks. */
export interface RankedProxy extends Ranking {
  readonly epochs: number;
  readonly recipe: Recipe;
  /** Mean seconds of a training on one core, as it was while it lasted. */
  readonly seconds: number;
  /** Images that it passes, as a share of those of a full training. */
  readonly share: number;
}

/** What a validation of the proxy found. */
export interface Validation {
  readonly version: 1;
  /** ISO 8601. */
  readonly time: string;
  readonly space: string;
  readonly dataset: string;
  readonly seed: number;
  /** Trainings of each network by each recipe. */
  readonly trainings: number;
  /** Networks that were asked for; the space may have fewer, or some may not train. */
  readonly asked: number;
  readonly full: {
    readonly epochs: number;
    readonly recipe: Recipe;
    /** Pooled standard deviation between seeds. */
    readonly seedNoise: number;
    /** Standard deviation of accuracy between the networks, without that noise. */
    readonly deviation: number;
    readonly seconds: number;
  };
  /** By epochs. */
  readonly proxies: readonly RankedProxy[];
  /** Epochs of the cheapest proxy whose Kendall is within noise of the best. */
  readonly recommended: number;
  /** Validation accuracies: of the proxies by length and seed, and after full training by seed. */
  readonly networks: readonly {
    readonly notation: string;
    readonly madds: number;
    readonly proxy: readonly (readonly number[])[];
    readonly full: readonly number[];
  }[];
  /** Networks that could not be trained by every recipe, and are left out. */
  readonly failed: readonly string[];
}

/** What a validation is of: space, images, their size, and the recipe of the proxy. */
const keyOf = ({ space }: Pick<Config, "space">, { key, train }: Dataset, recipe: Recipe): string =>
  createHash("sha256")
    .update(JSON.stringify([space.name, space.template, key, train.height, train.width, recipe]))
    .digest("hex")
    .slice(0, 16);

/** Throws `FILE_NOT_FOUND` for a user without a home folder. */
function folder(): string {
  const state = stateFolder();
  if (state !== null) return join(state, "proxy");
  throw new MnasError("FILE_NOT_FOUND", "Cannot keep a validation: this user has no home folder", {
    hint: "Set XDG_STATE_HOME to a folder that can be written.",
  });
}

/** The run folder in which the proxy of a config is validated. */
export const validationDir = (config: Config, dataset: Dataset): string =>
  join(folder(), keyOf(config, dataset, config.proxy));

const fileOf = (config: Pick<Config, "space">, dataset: Dataset, recipe: Recipe): string =>
  join(folder(), `${keyOf(config, dataset, recipe)}.json`);

/** Keeps a validation where searches with any of its proxies find it; returns the file of the config's own. */
export function saveValidation(config: Config, dataset: Dataset, validation: Validation): string {
  makeFolder(folder());
  for (const { recipe } of validation.proxies)
    writeFileAtomically(fileOf(config, dataset, recipe), JSON.stringify(validation, null, 2));
  return fileOf(config, dataset, config.proxy);
}

/** The validation of a search's proxy on its space and data, and the proxy in it; null when there is none. */
export function findValidation(
  config: Pick<Config, "space" | "proxy">,
  dataset: Dataset,
): { readonly validation: Validation; readonly proxy: RankedProxy } | null {
  if (stateFolder() === null) return null;
  const file = fileOf(config, dataset, config.proxy);
  if (!existsSync(file)) return null;
  try {
    const validation = JSON.parse(readFile(file).toString("utf8")) as Validation;
    const own = JSON.stringify(config.proxy);
    const proxy = validation.proxies.find(({ recipe }) => JSON.stringify(recipe) === own);
    return validation.version !== 1 || proxy === undefined ? null : { validation, proxy };
  } catch {
    // Damaged or of another version: as if there were none.
    return null;
  }
}

export function proxyNote(config: Pick<Config, "space" | "proxy">, dataset: Dataset): ProxyNote | null {
  const found = findValidation(config, dataset);
  if (found === null) return null;
  const { kendall, low, high, seedNoise, epochs } = found.proxy;
  const { recommended, time, networks } = found.validation;
  return { kendall, low, high, networks: networks.length, seedNoise, epochs, recommended, time };
}
