import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { MnasError } from "../errors.ts";
import type { InputKind } from "../lower/input.ts";
import { orderOf } from "../lower/metadata.ts";
import type { Batch } from "../lower/onnx.ts";
import { labelsName, labelsText } from "../lower/tflite-metadata.ts";
import { usualForms, type FileForm } from "../export/file-form.ts";
import type { FormatName } from "../export/formats.ts";
import { checkWritable, readFile } from "../util/files.ts";

export interface ExportFormOptions {
  readonly input?: InputKind;
  readonly rgb?: boolean;
  readonly softmax?: boolean;
  readonly batch?: Batch;
  readonly symmetric?: boolean;
}

/**
 * The form that the options ask for.
 *
 * @throws MnasError `USAGE` for an option that the file cannot have.
 */
export function exportForm(
  { input, rgb = false, softmax = false, batch, symmetric = false }: ExportFormOptions,
  { format, isInt8, channels }: { readonly format: FormatName; readonly isInt8: boolean; readonly channels: number },
): FileForm {
  const refuse = (holds: boolean, option: string, reason: string, hint: string): void => {
    if (holds) throw new MnasError("USAGE", `Cannot use ${option}: ${reason}`, { hint });
  };
  const isOnnx = format === "onnx";
  refuse(!isOnnx && batch !== undefined, "--batch", "a TFLite file takes one image", "Leave it out, or write ONNX.");
  refuse(!isOnnx && symmetric, "--symmetric", "TFLite has zero points of its own", "Leave it out, or write ONNX.");
  refuse(!isInt8 && symmetric, "--symmetric", "it says how int8 is stored", "Add --int8, or leave it out.");
  refuse(
    rgb && channels !== 1,
    "--rgb",
    `the network takes ${channels} channels, and not grey images`,
    "Leave it out.",
  );
  return {
    ...usualForms[format],
    ...(input === undefined ? {} : { input }),
    rgb,
    softmax,
    batch: batch ?? 1,
    symmetric,
  };
}

/** The form in words, for people. */
export function formText(
  { input, softmax }: FileForm,
  { height, width, channels }: Record<"height" | "width" | "channels", number>,
): string {
  const values = input === "pixels" ? "pixels 0 to 255" : "normalised";
  return `takes ${width}×${height} ${orderOf(channels)}, ${values}; gives ${softmax === true ? "probabilities" : "logits"}`;
}

/**
 * The labels to write beside a TFLite file; null where there are none, or where they lie there already.
 *
 * @throws MnasError `USAGE` when there are others, or the model has that name; as writing throws where that is impossible.
 */
export function labelsBeside(
  out: string,
  classes: readonly string[],
  force: boolean,
): { file: string; text: string } | null {
  if (classes.length === 0) return null;
  const [file, text] = [join(dirname(out), labelsName), labelsText(classes)];
  if (resolve(file) === resolve(out)) {
    throw new MnasError("USAGE", `Cannot write the model as "${out}": its labels get that name`, {
      hint: "Choose another name.",
    });
  }
  checkWritable(file);
  if (!existsSync(file) || force) return { file, text };
  if (readFile(file).toString() === text) return null;
  throw new MnasError("USAGE", `Cannot write "${file}": it exists, with other classes`, {
    hint: "Write the model into another folder, or use --force to overwrite both.",
  });
}
