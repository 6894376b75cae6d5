import { z } from "zod";
import type { Task } from "../space/arch.ts";
import { version } from "../version.ts";
import { parseJson } from "../util/json.ts";

/** Decisions of a training that whoever runs the network must know. */
export interface ModelFacts {
  /** Names in the order of the logits. */
  readonly classes: readonly string[];
  /** By channel, of pixel / 255. */
  readonly mean: readonly number[];
  /** By channel, likewise. */
  readonly deviation: readonly number[];
  /** Share of a picture's shorter side that the network sees: 1, or 0.875 for the middle; left out where nobody knows. */
  readonly crop?: number;
}

/** Work on an image before the network sees it: crop, resize, then `(value / 255 - mean) / deviation` by channel. */
export interface Preprocessing extends Omit<ModelFacts, "classes"> {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** What is the same for every model of ours; written all the same, for those who read the file without knowing us. */
const scale = 255;

/** Order of the dimensions of the image that a model wants. */
export type Layout = "NCHW" | "NHWC";

const preprocessingSchema = z
  .object({
    mean: z.array(z.number()),
    deviation: z.array(z.number()),
    crop: z.number().gt(0).max(1).optional(),
    height: z.int(),
    width: z.int(),
    channels: z.int(),
    scale: z.literal(scale),
    layout: z.enum(["NCHW", "NHWC"]),
  })
  .transform(({ mean, deviation, crop, height, width, channels }) => {
    const shown = crop === undefined ? {} : { crop };
    return { mean, deviation, ...shown, height, width, channels };
  });

/** Order of the channels. */
export const orderOf = (channels: number): string =>
  channels === 3 ? "RGB" : channels === 1 ? "grey" : `${channels} channels`;

/** How to get from a photograph to the input of a model, for people. */
export const imageAdvice = ({ height, width, channels, crop = 1 }: Preprocessing): string =>
  `Take the square in the middle with ${crop === 1 ? "" : `${crop} × `}the shorter side, resize it to ${width}×${height} px; ${orderOf(channels)}.`;

/** What a model file says about itself, so that it can be used without the run that made it. */
export interface ModelMetadata {
  /** Version of mnas. */
  readonly version: string;
  /** Block notation of the architecture. */
  readonly notation: string;
  /** Names in the order of the logits. */
  readonly classes: readonly string[];
  readonly preprocessing: Preprocessing;
}

/** The metadata of a model file. */
export function modelMetadata(notation: string, { classes, ...facts }: ModelFacts, task: Task): ModelMetadata {
  const { mean, deviation, crop } = facts;
  const { height, width, channels } = task;
  const shown = crop === undefined ? {} : { crop };
  return { version, notation, classes, preprocessing: { mean, deviation, ...shown, height, width, channels } };
}

const keys = {
  version: "mnas_version",
  notation: "notation",
  classes: "classes",
  preprocessing: "preprocessing",
} as const;

/** The metadata as named texts; what is not text is JSON. */
export const metadataEntries = (
  { version, notation, classes, preprocessing }: ModelMetadata,
  layout: Layout,
): { key: string; value: string }[] => [
  { key: keys.version, value: version },
  { key: keys.notation, value: notation },
  { key: keys.classes, value: JSON.stringify(classes) },
  {
    key: keys.preprocessing,
    value: JSON.stringify({ ...preprocessing, scale, layout, order: orderOf(preprocessing.channels) }),
  },
];

function parse<T>(schema: z.ZodType<T>, text: string | undefined): T | null {
  if (text === undefined) return null;
  try {
    return schema.parse(parseJson(text));
  } catch {
    return null;
  }
}

/** What a model says about itself; null for each thing that it does not say, or says in another way than mnas does. */
export type FoundMetadata = { readonly [Key in keyof ModelMetadata]: ModelMetadata[Key] | null };

/** Reads back what `metadataEntries` wrote, from texts by name. */
export const metadataOf = (texts: ReadonlyMap<string | undefined, string | undefined>): FoundMetadata => ({
  version: texts.get(keys.version) ?? null,
  notation: texts.get(keys.notation) ?? null,
  classes: parse(z.array(z.string()), texts.get(keys.classes)),
  preprocessing: parse(preprocessingSchema, texts.get(keys.preprocessing)),
});
