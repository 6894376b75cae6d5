import { existsSync } from "node:fs";
import { MnasError } from "../errors.ts";
import { initWeights } from "../graph/weights.ts";
import { candidateOf } from "../study/candidate.ts";
import { exportModel } from "../study/export.ts";
import { formatOf, formats, type FormatName } from "../study/formats.ts";
import { probeImages, stretchedImages } from "../study/probe.ts";
import { loadStudyData } from "../study/search.ts";
import { openRun } from "../study/run.ts";
import type { RecordedConfig } from "../config/config.ts";
import { formatArch, parseArch } from "../space/notation.ts";
import { loadCheckpoint } from "../train/checkpoint.ts";
import { createRng } from "../util/rng.ts";
import { checkWritable, writeFileAtomically } from "../util/files.ts";
import { taskOptions } from "./models.ts";
import { findNetwork, type NamedNetwork } from "./network.ts";
import { print, printJson, say } from "./output.ts";

export interface ExportOptions {
  readonly out: string;
  readonly format?: FormatName;
  readonly weights?: string;
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

/** The data a trial was trained on, or else nothing to say about pixels. */
async function dataOf({ trial, arch: { task } }: NamedNetwork) {
  if (trial !== null) {
    using run = openRun(trial.dir);
    const dataset = await loadStudyData(run.store.get("config") as RecordedConfig);
    return { ...dataset, images: await probeImages(dataset, 16) };
  }
  const plain = (value: number): number[] => Array<number>(task.channels).fill(value);
  return { classes: [], mean: plain(0), deviation: plain(1), images: await stretchedImages(task, 4) };
}

/** `mnas export ARCH|RUN#N --out FILE` */
export async function exportNetwork(text: string, options: ExportOptions): Promise<void> {
  const { out, width, size, classes, seed = 0, json = false, force = false } = options;
  const format = formatOf(out, options.format);
  checkOut(out, force);
  const network = findNetwork(text, { width, task: taskOptions({ size, classes }) });
  const candidate = candidateOf(network.arch);
  let { weights, training } = network;
  if (options.weights !== undefined) {
    const checkpoint = loadCheckpoint(options.weights);
    if (formatArch(parseArch(checkpoint.notation)) !== candidate.notation) {
      throw new MnasError(
        "MODEL_INVALID",
        `Cannot use weights "${options.weights}": they are for ${checkpoint.notation}`,
      );
    }
    weights = checkpoint.weights;
    training = null;
  }
  const isTrained = weights !== null;
  if (!isTrained && !json) say(`${text} has no trained weights; writing fresh ones from seed ${seed}`);
  if (training !== null && !json) say(`writing the weights of the ${training}`);
  weights ??= initWeights(candidate.graph, createRng(seed));
  const data = await dataOf(network);
  const model = await exportModel(format, candidate, weights, data, data.images);
  writeFileAtomically(out, model);
  if (json)
    return printJson({ file: out, format, bytes: model.length, notation: candidate.notation, isTrained, training });
  print(
    `${out}: ${(model.length / 1e6).toFixed(2)} MB, checked against ${formats[format].runtime} on ${data.images.count} images`,
  );
}
