import type { Config } from "../../config/config.ts";
import { describeDataset, type Dataset } from "../../data/dataset.ts";
import { MnasError } from "../../errors.ts";
import type { Trial } from "../../store/store.ts";
import { planFor, type Recipe } from "../../train/recipe.ts";
import { mean } from "../../util/welch.ts";
import type { Member } from "./networks.ts";
import { networkDeviation, pooledDeviation, rankingsOf } from "./ranking.ts";
import type { Validation } from "./record.ts";
import { seeds, type Level, type Trainings } from "./trainings.ts";

/** Fewer do not have an order to speak of. */
export const fewestNetworks = 4;

/** Everything that was trained, or could not be. */
interface Trained {
  /** How many networks were asked for. */
  readonly asked: number;
  readonly networks: readonly Member[];
  readonly levels: readonly Level[];
  readonly trainings: readonly Trainings[];
}

const secondsOf = (trials: readonly Trial[]): number => mean(trials.map(({ seconds }) => seconds ?? 0));

/** What the trainings say of the proxy. Throws `CONFIG_INVALID` when too few networks could be trained. */
export function validationOf(
  config: Config,
  dataset: Dataset,
  { asked, networks, levels, trainings }: Trained,
): Validation {
  const isWhole = ({ proxy, full }: Trainings): boolean =>
    [...proxy.flat(), ...full].every(({ state }) => state === "complete");
  const whole = trainings.map((one, n) => ({ ...one, network: networks[n]! })).filter(isWhole);
  const failed = networks.filter((_, n) => !isWhole(trainings[n]!)).map(({ notation }) => notation);
  if (whole.length < fewestNetworks) {
    throw new MnasError(
      "TRAINING_FAILED",
      `Cannot validate the proxy: only ${whole.length} networks could be trained`,
      {
        hint: "Lower the learning rates of the recipes.",
      },
    );
  }
  const accuracies = (trials: readonly Trial[]): number[] => trials.map(({ accuracy }) => accuracy!);
  const full = whole.map((one) => accuracies(one.full));
  const proxies = levels.map((_, level) => whole.map((one) => accuracies(one.proxy[level]!)));
  const images = (recipe: Recipe): number => {
    const { steps, batch } = planFor(recipe, dataset);
    return steps * batch;
  };
  const ranked = rankingsOf(proxies, full).map((ranking, level) => {
    const seconds = secondsOf(whole.flatMap((one) => one.proxy[level]!));
    const { epochs, recipe } = levels[level]!;
    return { epochs, recipe, ...ranking, seconds, share: images(recipe) / images(config.final) };
  });
  return {
    version: 1,
    time: new Date().toISOString(),
    space: config.space.name,
    dataset: describeDataset(dataset),
    seed: config.seed,
    trainings: seeds.length,
    asked,
    full: {
      epochs: planFor(config.final, dataset).epochs,
      recipe: config.final,
      seedNoise: pooledDeviation(full),
      deviation: networkDeviation(full),
      seconds: secondsOf(whole.flatMap((one) => one.full)),
    },
    proxies: ranked,
    recommended: ranked.find(({ isWithinNoise }) => isWithinNoise)!.epochs,
    networks: whole.map(({ network: { notation, costs }, proxy }, n) => ({
      notation,
      madds: costs.madds,
      proxy: proxy.map(accuracies),
      full: full[n]!,
    })),
    failed,
  };
}
