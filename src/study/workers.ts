import type { Config } from "../config/config.ts";
import type { Dataset } from "../data/dataset.ts";
import { usableCores } from "../util/machine.ts";
import { boundWorkers, workerBytes, type Bound } from "../worker/bound.ts";

/** Workers that the config asks for, by default one for each core. */
const askedWorkers = ({ workers }: Pick<Config, "workers">): number => workers ?? Math.min(256, usableCores());

/** As many workers as are asked for; where mnas itself trains, no more than it may use cores. */
export const workersOf = (config: Pick<Config, "workers" | "evaluate">): number =>
  config.evaluate === null ? Math.min(askedWorkers(config), usableCores()) : askedWorkers(config);

/** Says why fewer workers run than were asked for. */
const describeBound = (config: Pick<Config, "workers">, { count, why }: Bound): string =>
  `${count} of ${askedWorkers(config)} workers ${count === 1 ? "runs" : "run"}: ${why}`;

/** What a pool needs to know of the workers of a config, and whom it tells that they are fewer. */
export function poolOptions(config: Config, dataset: Dataset, warn: (message: string) => void) {
  const count = workersOf(config);
  if (count < askedWorkers(config))
    warn(describeBound(config, boundWorkers({ cores: count, trainings: Infinity, memory: null })));
  const bytesOf = config.evaluate === null ? workerBytes(config, dataset) : undefined;
  const onBound = (bound: Bound): void => warn(describeBound(config, bound));
  return { count, bytesOf, onBound };
}
