import { existsSync } from "node:fs";
import { MnasError } from "../errors.ts";
import { exportModel } from "../export/export-model.ts";
import { formatOf, formats, type FormatName } from "../export/formats.ts";
import { exportInt8, type Int8Report } from "../export/int8.ts";
import { probeImages, stretchedImages } from "../export/probe-images.ts";
import { checkWritable, writeFileAtomically } from "../util/files.ts";
import { exportData, type ExportDataOptions } from "./export-data.ts";
import { exportForm, formText, labelsBeside, type ExportFormOptions } from "./export-form.ts";
import { exportedNetwork, type ExportedNetworkOptions } from "./export-network.ts";
import { noticeView } from "./notices.ts";
import { percent, print, printJson, say } from "./output.ts";

export interface ExportOptions extends ExportedNetworkOptions, ExportDataOptions, ExportFormOptions {
  readonly out: string;
  readonly format?: FormatName;
  readonly force?: boolean;
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

/** `mnas export NETWORK --out FILE` */
export async function exportNetwork(text: string | undefined, options: ExportOptions): Promise<void> {
  const { out, json = false, force = false, int8 = false } = options;
  checkOut(out, force);
  const format = formatOf(out, options.format);
  const network = exportedNetwork(text, options);
  const { name, candidate, weights, isTrained, training } = network;
  if (int8 && !isTrained) {
    throw new MnasError("USAGE", `Cannot write "${name}" in int8: it has no trained weights`, {
      hint: "Train it with `mnas train … --out w.safetensors`, then add --weights w.safetensors.",
    });
  }
  const { task } = candidate.arch;
  const form = exportForm(options, { format, isInt8: int8, channels: task.channels });
  const { facts, images, warning } = await exportData(network, options);
  if (warning !== null) noticeView(json ? "stderr" : "none")({ event: "warning", message: warning });
  if (!isTrained && !json) say(`${name} has random weights, from seed ${options.seed ?? 0}`);
  if (training !== null && !json) say(`writing the weights of the ${training.text}`);
  const labels = format === "tflite" ? labelsBeside(out, facts.classes, force) : null;
  const probes = images === null ? await stretchedImages(task, 4) : await probeImages(images, 16);
  let model = await exportModel(format, candidate, weights, facts, probes, form);
  let report: Int8Report | null = null;
  if (int8) ({ model, report } = await exportInt8(format, candidate, weights, images!, form));
  writeFileAtomically(out, model);
  if (labels !== null) writeFileAtomically(labels.file, labels.text);
  const { notation } = candidate;
  if (json)
    return printJson({
      file: out,
      format,
      bytes: model.length,
      notation,
      isTrained,
      training: training?.text ?? null,
      form,
      labels: labels?.file ?? null,
      int8: report,
    });
  const { runtime } = formats[format];
  say(formText(form, { ...task, channels: form.rgb ? 3 : task.channels }));
  const megabytes = `${out}: ${(model.length / 1e6).toFixed(2)} MB`;
  if (report === null) return print(`${megabytes}, checked against ${runtime} on ${probes.count} images`);
  const { calibrationImages, validationImages, floatAccuracy, accuracy } = report;
  print(`${megabytes} in int8, ranges from ${calibrationImages} training images`);
  print(
    `accuracy ${percent(floatAccuracy)} in float32, ${percent(accuracy)} in int8, on ${validationImages} validation images in ${runtime}`,
  );
}
