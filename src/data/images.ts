import { MnasError } from "../errors.ts";

/** Pictures of one size with what they show. */
export interface Images {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  /** 1 or 3. */
  readonly channels: number;
  /** Rows, columns, channels of one image after the other (NHWC), 0..255. */
  readonly pixels: Uint8Array;
  /** Index of the class of each image. */
  readonly labels: Int32Array;
}

/** Parts of a data set, in the order in which they are stored. */
export const partNames = ["train", "validation", "test"] as const;
export type PartName = (typeof partNames)[number];

/** An image that could not be decoded, by its number among the files of its part. */
export interface LeftOut {
  readonly part: PartName;
  readonly i: number;
  readonly reason: string;
}

/** How images were decoded. */
export interface DecodingNotes {
  /** Bits by which values of 16 bits were moved up. */
  readonly shift: number;
  readonly leftOut: readonly LeftOut[];
}

/** A data set as its reader found it: parts that it does not bring are null, and are cut from the train part later. */
export interface RawData<Part = Images> extends Readonly<Record<PartName, Part | null>> {
  readonly classes: readonly string[];
  readonly train: Part;
  /** For images that were decoded from files. */
  readonly notes?: DecodingNotes;
  /** Whether a mirrored image is still one of its class, where the files say it. */
  readonly canFlip?: boolean;
  /** Sentences on what is unusual about the data. */
  readonly warnings?: readonly string[];
}

/** What a reader may need to know. */
export interface ReadOptions {
  /** Side in px of the images, for readers that can choose. */
  readonly size: number | undefined;
  /** Where decoded images, and what is known of those that are not kept, lie. */
  readonly cacheDir: string | undefined;
  /** Bytes of pixels up to which images are held in memory. */
  readonly mostInMemory: number;
  /** Share of damaged images up to which the others are used. */
  readonly mostDamaged: number;
}

/** A data set that cannot be used as it is; `hint` says what to do. */
export const invalid = (message: string, hint: string, cause?: unknown): MnasError =>
  new MnasError("DATA_INVALID", message, { hint, cause });

/** Numbers of so many images, in their order. */
export const upTo = (count: number): Uint32Array<ArrayBuffer> => Uint32Array.from({ length: count }, (_, i) => i);

export const sizeOf = ({ height, width, channels }: Pick<Images, "height" | "width" | "channels">): number =>
  height * width * channels;
