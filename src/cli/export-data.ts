import type { RecordedConfig } from "../config/config.ts";
import { loadDataset, type Dataset } from "../data/dataset.ts";
import { embeddedName } from "../data/embedded.ts";
import { dataPlace } from "../data/place.ts";
import { MnasError } from "../errors.ts";
import type { ModelFacts } from "../lower/metadata.ts";
import type { Task } from "../space/arch.ts";
import { checkTask } from "../data/task.ts";
import { judgedImages, type JudgedImages } from "../export/probe-images.ts";
import { openRun } from "../study/run.ts";
import { loadRunData } from "../study/run-data.ts";
import { modelFacts } from "../train/facts.ts";
import type { ExportedNetwork } from "./export-network.ts";

export interface ExportDataOptions {
  readonly data?: string;
  readonly int8?: boolean;
  readonly mostDamaged?: number;
  readonly seed?: number;
}

/** The images of an exported network, and its facts about them. */
export interface ExportData {
  readonly facts: ModelFacts;
  /** Null where no images of the right kind are at hand, and none are needed. */
  readonly images: JudgedImages | null;
  readonly warning: string | null;
}

/** The data that the user names. Throws as `dataPlace`, `loadDataset` and `checkTask`. */
async function namedData(
  text: string,
  task: Task,
  rules: { readonly seed: number; readonly mostDamaged: number | undefined },
): Promise<Dataset> {
  const source = dataPlace(text);
  // Only folders of images have a choice of size, and their images are squares.
  const isFixed = source === embeddedName || task.height !== task.width;
  const dataset = await loadDataset(source, { ...rules, ...(isFixed ? {} : { size: task.height }) });
  checkTask(dataset, task);
  return dataset;
}

/** The data of a run, from where the user says they are now. Throws as `dataPlace` and `loadKnown`. */
async function runData(dir: string, { data, mostDamaged }: ExportDataOptions): Promise<Dataset> {
  using run = openRun(dir);
  return loadRunData(run, data === undefined ? undefined : dataPlace(data), { mostDamaged });
}

/** The facts of a training in a run whose weights do not say them. */
function factsInRun(dir: string, training: ExportedNetwork["training"], dataset: Dataset): ModelFacts {
  using run = openRun(dir);
  const {
    evaluate = null,
    final,
    proxy,
  } = run.store.get("config") as Pick<RecordedConfig, "final" | "proxy"> & Partial<RecordedConfig>;
  return modelFacts(dataset, evaluate !== null ? null : training?.phase === "final" ? final : proxy);
}

/** Data for ranges of int8 that the user does not have to name: those of the run, or the embedded ones. */
async function knownData({ facts, run, name }: ExportedNetwork, options: ExportDataOptions): Promise<Dataset> {
  if (run !== null) return runData(run, options);
  const embedded = facts?.data.name === embeddedName ? await loadDataset(undefined, facts.data) : null;
  if (embedded !== null && embedded.key === facts?.data.key) return embedded;
  throw new MnasError("USAGE", `Cannot write "${name}" in int8: its ranges come from images, and none are named`, {
    hint: `Add --data with the images that it was trained on${facts === null ? "" : ` ("${facts.data.name}")`}.`,
  });
}

/** Refuses data of other classes than the training's; says where other images of the same classes are. */
function compare({ classes, data }: NonNullable<ExportedNetwork["facts"]>, named: Dataset): string | null {
  if (classes.join("\0") !== named.classes.join("\0")) {
    const list = (names: readonly string[]): string =>
      `${names.slice(0, 5).join(", ")}${names.length > 5 ? ", …" : ""}`;
    throw new MnasError(
      "DATA_INVALID",
      `Cannot use data "${named.source}": its classes are ${list(named.classes)}, those of the weights ${list(classes)}`,
      { hint: "Name the data that the network was trained on, with the same classes in the same order." },
    );
  }
  return named.key === data.key
    ? null
    : `"${named.source}" has other images than the training ("${data.name}"); mean and deviation are those of the training`;
}

const plainFacts = ({ channels }: Task): ModelFacts => ({
  classes: [],
  mean: Array<number>(channels).fill(0),
  deviation: Array<number>(channels).fill(1),
});

/**
 * Settles the facts of an exported network from its weights, and from data only where these say nothing and the user names
 * some or the run knows them. Loads images for int8, or when the user names data.
 *
 * @throws MnasError `MODEL_INVALID` when nothing says the facts; `DATA_INVALID` when data do not fit; `USAGE` when int8 has no
 * images, or an option changes nothing.
 */
export async function exportData(network: ExportedNetwork, options: ExportDataOptions): Promise<ExportData> {
  const { facts, run, training, isTrained, name, candidate } = network;
  const { data, int8 = false, mostDamaged, seed } = options;
  const { task } = candidate.arch;
  const isSeeded = !isTrained || (facts === null && run === null && data !== undefined);
  if (seed !== undefined && !isSeeded) {
    throw new MnasError(
      "USAGE",
      `Cannot apply --seed to "${name}": its weights and the split of its data are settled`,
      {
        hint: "Leave it out.",
      },
    );
  }
  const isRead = data !== undefined || int8 || (facts === null && run !== null);
  if (mostDamaged !== undefined && !isRead) {
    throw new MnasError("USAGE", `Cannot apply --most-damaged to "${name}": no images are read`, {
      hint: "Leave it out, or add --data.",
    });
  }
  if (facts === null && run !== null) {
    const dataset = await runData(run, options);
    const found = factsInRun(run, training, dataset);
    return { facts: found, images: judgedImages(dataset, found), warning: null };
  }
  const named =
    data === undefined ? null : await namedData(data, task, { seed: facts?.data.seed ?? seed ?? 0, mostDamaged });
  if (facts !== null) {
    const dataset = named ?? (int8 ? await knownData(network, options) : null);
    const warning = dataset === null ? null : compare(facts, dataset);
    return { facts, images: dataset && judgedImages(dataset, facts), warning };
  }
  if (named !== null) {
    const { classes, mean, deviation } = named;
    const found = { classes, mean, deviation };
    return { facts: found, images: judgedImages(named, found), warning: null };
  }
  if (!isTrained) return { facts: plainFacts(task), images: null, warning: null };
  throw new MnasError(
    "MODEL_INVALID",
    `Cannot export "${name}": its weights do not say its classes and how images are prepared`,
    {
      hint: "Add --data with the images that it was trained on, or train it again.",
    },
  );
}
