import { MnasError } from "../errors.ts";
import { describeDataset, loadDataset, type Dataset } from "./dataset.ts";

/** Everything about a data set that its networks need when its images are gone. */
export interface DataFacts extends Pick<Dataset, "key" | "name" | "classes" | "mean" | "deviation" | "canFlip"> {
  /** One line for people. */
  readonly description: string;
}

export const dataFactsOf = (dataset: Dataset): DataFacts => {
  const { key, name, classes, mean, deviation, canFlip } = dataset;
  return { key, name, classes, mean, deviation, canFlip, description: describeDataset(dataset) };
};

/** Facts of data that were used before. Runs of earlier versions have the key and the description alone. */
export type KnownData = Pick<DataFacts, "key" | "description"> & Partial<DataFacts>;

/** Where images are, and how they are split and resized. */
export interface DataOrder {
  readonly data: string;
  readonly seed: number;
  /** Side in px; null for what the images say. */
  readonly size: number | null;
  /** As `LoadOptions` says; runs of earlier versions have the defaults. */
  readonly mostDamaged?: number | undefined;
  readonly strictData?: boolean | undefined;
}

/** Class names and the beginning of the key, since two data sets may have the same counts. */
function meaning({ description, classes, key }: KnownData): string {
  const names = classes === undefined ? "" : ` (${classes.slice(0, 4).join(", ")}${classes.length > 4 ? ", …" : ""})`;
  return `${description}${names}, key ${key.slice(0, 8)}`;
}

export const loadOrdered = ({ data, seed, size, mostDamaged, strictData }: DataOrder): Promise<Dataset> =>
  loadDataset(data, { seed, mostDamaged, isStrict: strictData, ...(size === null ? {} : { size }) });

/**
 * Loads data that were used before, wherever they lie now, as they were used: with the statistics of then.
 *
 * @throws MnasError `RUN_MISMATCH` saying what both are when the images, their labels or parts are others; else as
 * `loadDataset`.
 */
export async function loadKnown(order: DataOrder, known: KnownData): Promise<Dataset> {
  const dataset = await loadOrdered(order).catch(explain);
  if (dataset.key !== known.key) refuse(dataset, known);
  const { description: _, ...facts } = known;
  return { ...dataset, ...facts };
}

function explain(error: unknown): never {
  if (!(error instanceof MnasError) || error.code !== "DATA_NOT_FOUND") throw error;
  throw new MnasError(error.code, error.message, {
    hint: "Name the place of the run's images with --data.",
    cause: error,
  });
}

function refuse(dataset: Dataset, known: KnownData): never {
  const [was, is] = [known, dataFactsOf(dataset)].map((data) => meaning(data));
  throw new MnasError(
    "RUN_MISMATCH",
    `Cannot use data "${dataset.source}" for this run, which was begun on other images:\n  ${was} → ${is}`,
    { hint: "Name the place of the run's images with --data, or start a new run." },
  );
}
