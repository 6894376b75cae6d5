import { existsSync } from "node:fs";
import { dirname, isAbsolute, resolve, sep } from "node:path";
import { MnasError } from "../../errors.ts";
import { decode } from "../../lower/onnx-proto.ts";
import { fieldOf, fieldsOf, type Pieces } from "../../lower/onnx-wire.ts";
import { readPart, sizeOf } from "../../util/files.ts";

/** Numbers of the fields of a tensor. */
const dataField = 9;
const outsideFields: readonly number[] = [13, 14];

/** Where the weights of a tensor lie. */
export interface Place {
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

/**
 * Where the weights of a tensor lie that an ONNX file keeps in a file beside it; null for a tensor that has them inside.
 * Paths count from the folder of the model, wherever the command runs.
 *
 * @throws MnasError `FILE_NOT_FOUND` for a file that is missing, `MODEL_INVALID` for a path out of the model's folder or a
 * place beyond the end of the file.
 */
export function weightsBeside(model: string, tensor: Uint8Array): Place | null {
  if (!fieldsOf(tensor).some(({ number }) => outsideFields.includes(number))) return null;
  const { outside = [], isOutside } = decode("Tensor", tensor);
  if (isOutside !== 1) return null;
  const fail = (problem: string): never => {
    throw new MnasError("MODEL_INVALID", `Cannot read "${model}": ${problem}`, {
      hint: "Save the model again, with its weights in the same folder or inside.",
    });
  };
  const entries = new Map(outside.map(({ key = "", value = "" }) => [key, value]));
  const number = (key: string): number | null => {
    const text = entries.get(key) ?? "";
    if (text === "") return null;
    return /^\d{1,15}$/.test(text) ? Number(text) : fail(`its weights have ${key} "${text}"`);
  };
  const folder = resolve(dirname(model));
  const location = entries.get("location") ?? "";
  const path = resolve(folder, location);
  if (location === "" || isAbsolute(location) || !path.startsWith(folder.endsWith(sep) ? folder : folder + sep))
    return fail(`its weights would lie outside of its folder, in "${location}"`);
  if (!existsSync(path)) {
    throw new MnasError("FILE_NOT_FOUND", `Cannot read "${model}": its weights are in "${path}", which is missing`, {
      hint: "Copy that file beside the model, under the name that it had.",
    });
  }
  const size = sizeOf(path);
  const offset = number("offset") ?? 0;
  const length = number("length") ?? Math.max(0, size - offset);
  if (offset + length > size)
    return fail(`its weights reach to byte ${offset + length} of "${path}", which has ${size}`);
  return { path, offset, length };
}

/** A tensor with its weights inside; null for one that has them. Throws as {@link weightsBeside}. */
export function inlineWeights(model: string, tensor: Uint8Array): Pieces | null {
  const place = weightsBeside(model, tensor);
  if (place === null) return null;
  const others = fieldsOf(tensor).filter(({ number }) => number !== dataField && !outsideFields.includes(number));
  const data = readPart(place.path, place.offset, place.length);
  return [...others.map(({ bytes }) => bytes), ...fieldOf(dataField, [data])];
}
