import { z } from "zod";
import { MnasError } from "../errors.ts";
import { decode, type Message } from "./onnx-proto.ts";

/** What to do with an image before the network sees it: resize it, then `(value / 255 - mean) / deviation` by channel. */
export interface Preprocessing {
  /** By channel. */
  readonly mean: readonly number[];
  /** By channel. */
  readonly deviation: readonly number[];
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** What is the same for every model of ours; written all the same, for those who read the file without knowing us. */
const conventions = { scale: 255, layout: "NCHW" } as const;

const preprocessingSchema = z
  .object({
    mean: z.array(z.number()),
    deviation: z.array(z.number()),
    height: z.int(),
    width: z.int(),
    channels: z.int(),
    scale: z.literal(conventions.scale),
    layout: z.literal(conventions.layout),
  })
  .transform(({ mean, deviation, height, width, channels }) => ({ mean, deviation, height, width, channels }));

/** What a model file says about itself, so that it can be used without the run that made it. */
export interface OnnxMetadata {
  /** Version of mnas. */
  readonly version: string;
  /** Block notation of the architecture. */
  readonly notation: string;
  /** Names in the order of the logits. */
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
}

const keys = {
  version: "mnas_version",
  notation: "notation",
  classes: "classes",
  preprocessing: "preprocessing",
} as const;

/** The metadata as entries of an ONNX model; what is not text is JSON. */
export const metadataEntries = ({ version, notation, classes, preprocessing }: OnnxMetadata): Message<"Entry">[] => [
  { key: keys.version, value: version },
  { key: keys.notation, value: notation },
  { key: keys.classes, value: JSON.stringify(classes) },
  { key: keys.preprocessing, value: JSON.stringify({ ...preprocessing, ...conventions }) },
];

function parse<T>(schema: z.ZodType<T>, text: string | undefined): T | null {
  if (text === undefined) return null;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

/**
 * What a model says about itself; null for each thing that it does not say, or says in another way than mnas does.
 *
 * @throws MnasError `MODEL_INVALID` when the bytes are not an ONNX model.
 */
export function readOnnxMetadata(bytes: Uint8Array): {
  readonly [Key in keyof OnnxMetadata]: OnnxMetadata[Key] | null;
} {
  const model = decodeModel(bytes);
  const entries = new Map((model.metadata ?? []).map(({ key, value }) => [key, value]));
  return {
    version: entries.get(keys.version) ?? null,
    notation: entries.get(keys.notation) ?? null,
    classes: parse(z.array(z.string()), entries.get(keys.classes)),
    preprocessing: parse(preprocessingSchema, entries.get(keys.preprocessing)),
  };
}

function decodeModel(bytes: Uint8Array): Message<"Model"> {
  const fail = (problem: string, cause?: unknown): never => {
    throw new MnasError("MODEL_INVALID", `Cannot read the model: ${problem}`, {
      hint: "Give an .onnx file that is complete.",
      cause,
    });
  };
  let model: Message<"Model">;
  try {
    model = decode("Model", bytes);
  } catch (error) {
    return fail("it is not an ONNX file, or is damaged", error);
  }
  const isModel = model.graph?.nodes !== undefined && model.irVersion !== undefined && model.opsets !== undefined;
  return isModel ? model : fail("it is not an ONNX file");
}
