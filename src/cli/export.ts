import { existsSync } from "node:fs";
import type { RecordedConfig } from "../config/config.ts";
import { loadDataset, type Dataset } from "../data/dataset.ts";
import { embeddedName } from "../data/embedded.ts";
import { MnasError } from "../errors.ts";
import { initWeights } from "../graph/weights.ts";
import type { Task } from "../space/arch.ts";
import { formatArch, parseArch } from "../space/notation.ts";
import { candidateOf, checkTask } from "../study/candidate.ts";
import { exportModel } from "../study/export.ts";
import { formatOf, formats, type FormatName } from "../study/formats.ts";
import { exportInt8, type Int8Report } from "../study/int8.ts";
import { probeImages, stretchedImages } from "../study/probe.ts";
import { openRun } from "../study/run.ts";
import { loadStudyData } from "../study/search.ts";
import { loadCheckpoint } from "../train/checkpoint.ts";
import { checkWritable, writeFileAtomically } from "../util/files.ts";
import { createRng } from "../util/rng.ts";
import { findNetwork, type NamedNetwork } from "./network.ts";
import { percent, print, printJson, say } from "./output.ts";

export interface ExportOptions {
  readonly out: string;
  readonly format?: FormatName;
  readonly weights?: string;
  readonly int8?: boolean;
  readonly data?: string;
  readonly force?: boolean;
  readonly width?: number;
  readonly size?: number;
  readonly classes?: number;
  readonly seed?: number;
  readonly json?: boolean;
}

/** Refuses, before any work, to write where that is impossible, or over a file without being told to. */
export function checkOut(file: string, force: boolean): void {
  checkWritable(file);
  if (existsSync(file) && !force) {
    throw new MnasError("USAGE", `Cannot write "${file}": it exists`, { hint: "Use --force to overwrite it." });
  }
}

/** The data that the user names, or that a trial was trained on; null when there is none and none is needed. */
async function datasetOf({ trial, arch: { task } }: NamedNetwork, { data, int8 = false, seed = 0 }: ExportOptions) {
  if (trial !== null && data === undefined) {
    using run = openRun(trial.dir);
    return loadStudyData(run.store.get("config") as RecordedConfig);
  }
  if (data === undefined && !int8) return null;
  // What is embedded has one size.
  const isEmbedded = data === undefined || data === embeddedName;
  const dataset = await loadDataset(data, { seed, ...(isEmbedded ? {} : { size: task.height }) });
  checkTask(dataset, task);
  return dataset;
}

/** Names, statistics and images to compare two runtimes on. */
async function probeOf(dataset: Dataset | null, task: Task) {
  if (dataset !== null) return { ...dataset, images: await probeImages(dataset, 16) };
  const plain = (value: number): number[] => Array<number>(task.channels).fill(value);
  return { classes: [], mean: plain(0), deviation: plain(1), images: await stretchedImages(task, 4) };
}

/** The weights that the user names, or that a trial has; null for a network that was never trained. */
function weightsOf(network: NamedNetwork, notation: string, file: string | undefined) {
  if (file === undefined) return { weights: network.weights, training: network.training };
  const checkpoint = loadCheckpoint(file);
  if (formatArch(parseArch(checkpoint.notation)) === notation) return { weights: checkpoint.weights, training: null };
  throw new MnasError("MODEL_INVALID", `Cannot use weights "${file}": they are for ${checkpoint.notation}`);
}

/** `mnas export ARCH|RUN#N --out FILE` */
export async function exportNetwork(text: string, options: ExportOptions): Promise<void> {
  const { out, width, size, classes, seed = 0, json = false, force = false, int8 = false } = options;
  checkOut(out, force);
  const format = formatOf(out, options.format);
  const network = findNetwork(text, { width, size, classes });
  const candidate = candidateOf(network.arch);
  const { weights: trained, training } = weightsOf(network, candidate.notation, options.weights);
  const isTrained = trained !== null;
  if (int8 && !isTrained) {
    throw new MnasError("USAGE", `Cannot write "${text}" in int8: it has no trained weights`, {
      hint: "Train it with `mnas train … --out w.safetensors`, then add --weights w.safetensors.",
    });
  }
  if (!isTrained && !json) say(`${text} has no trained weights; writing fresh ones from seed ${seed}`);
  if (training !== null && !json) say(`writing the weights of the ${training}`);
  const weights = trained ?? initWeights(candidate.graph, createRng(seed));
  const dataset = await datasetOf(network, options);
  const data = await probeOf(dataset, candidate.arch.task);
  let model = await exportModel(format, candidate, weights, data, data.images);
  let report: Int8Report | null = null;
  if (int8) ({ model, report } = await exportInt8(format, candidate, weights, dataset!));
  writeFileAtomically(out, model);
  const { notation } = candidate;
  if (json) return printJson({ file: out, format, bytes: model.length, notation, isTrained, training, int8: report });
  const { runtime } = formats[format];
  const megabytes = `${out}: ${(model.length / 1e6).toFixed(2)} MB`;
  if (report === null) return print(`${megabytes}, checked against ${runtime} on ${data.images.count} images`);
  const { calibrationImages, validationImages, floatAccuracy, accuracy } = report;
  print(`${megabytes} in int8, ranges from ${calibrationImages} training images`);
  print(
    `accuracy ${percent(floatAccuracy)} in float32, ${percent(accuracy)} in int8, on ${validationImages} validation images in ${runtime}`,
  );
}
