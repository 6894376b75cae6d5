import { changed, type Config } from "../../config/config.ts";
import type { Dataset } from "../../data/dataset.ts";
import type { Proposal, Store, Trial } from "../../store/store.ts";
import { planFor, type Recipe } from "../../train/recipe.ts";
import type { Member } from "./networks.ts";

/** The proxy at several lengths: half, as it is, and double. */
const lengths = [0.5, 1, 2] as const;

/** Every network is trained so often by each recipe, from different seeds: two are the fewest that show their noise. */
export const seeds = [0, 1] as const;

/** The proxy recipe of a search with so many epochs. */
export interface Level {
  readonly epochs: number;
  readonly recipe: Recipe;
  /** Whether it is the search's own. */
  readonly isOwn: boolean;
}

/** Another length is what `proxy: { epochs }` in the config makes of it: a schedule of its own, trained from the start. */
export function levelsOf({ proxy }: Pick<Config, "proxy">, dataset: Dataset): Level[] {
  const { epochs } = planFor(proxy, dataset);
  return lengths.map((length) =>
    length === 1
      ? { epochs, recipe: proxy, isOwn: true }
      : { epochs: length * epochs, recipe: changed(proxy, { epochs: length * epochs }), isOwn: false },
  );
}

/** The number of a proxy training. */
const proxyNumber = (network: number, level: number, seed: number): number =>
  (network * lengths.length + level) * seeds.length + seed;

/** All trainings of a validation, those of the proxy in the phase of the search and the full ones in the final phase. */
function proposalsOf(networks: readonly Member[], levels: readonly Level[]): Proposal[] {
  return networks.flatMap(({ genotype, notation, costs: { params, madds } }, n) => {
    const network = { genotype, notation, params, madds };
    const short = levels.flatMap(({ epochs, isOwn }, level) =>
      seeds.map((seed) => ({
        ...network,
        phase: "search" as const,
        number: proxyNumber(n, level, seed),
        seed,
        epochs: isOwn ? null : epochs,
      })),
    );
    const full = seeds.map((seed) => ({ ...network, phase: "final" as const, number: n * seeds.length + seed, seed }));
    return [...short, ...full];
  });
}

/** Adds the trainings that a study does not have yet; they can be claimed, as latency has no part in it. */
export function addTrainings(store: Store, networks: readonly Member[], levels: readonly Level[]): void {
  const missing = proposalsOf(networks, levels).filter((proposal) => store.trial(proposal) === null);
  store.add(missing);
  for (const trial of [...store.trials("search"), ...store.trials("final")])
    if (trial.latency === null) store.measured(trial, { medianMs: 0 });
}

/** The trainings of one network: by level and seed, and the full ones by seed. */
export interface Trainings {
  readonly proxy: readonly (readonly Trial[])[];
  readonly full: readonly Trial[];
}

export function trainingsOf(store: Store, networks: number): Trainings[] {
  const [short, full] = [store.trials("search"), store.trials("final")];
  return Array.from({ length: networks }, (_, n) => ({
    proxy: [...lengths.keys()].map((level) => seeds.map((seed) => short[proxyNumber(n, level, seed)]!)),
    full: seeds.map((seed) => full[n * seeds.length + seed]!),
  }));
}
