import { exp, log } from "../util/math.ts";
import type { Rng } from "../util/rng.ts";
import type { Dataset } from "./dataset.ts";

/** Ways to vary training images: as they are; moved a little and mirrored; any part of them, resized, and mirrored. */
export const augmentations = ["none", "crop", "resized-crop"] as const;
export type AugmentationName = (typeof augmentations)[number];

/** How training images are varied. Colours stay. */
export type Augmentation =
  | {
      readonly kind: "crop";
      /** Each image is moved by up to this many px each way; the mean colour fills what comes in. */
      readonly pad: number;
      /** Mirror every other image, by chance, left to right. */
      readonly flip: boolean;
    }
  | {
      readonly kind: "resized-crop";
      readonly flip: boolean;
    };

/** What suits the images of a data set: a move by an eighth of the height, a flip where mirrored images make sense. */
export function augmentationFor(
  name: AugmentationName,
  { train, canFlip }: Pick<Dataset, "train" | "canFlip">,
): Augmentation | null {
  if (name === "none") return null;
  if (name === "resized-crop") return { kind: name, flip: canFlip };
  return { kind: name, pad: Math.max(1, Math.round(train.height / 8)), flip: canFlip };
}

/** A part of a picture, in px; it may begin and end between two. */
export interface Region {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

export interface Size {
  readonly height: number;
  readonly width: number;
}

const areas = { least: 0.08, most: 1 } as const;
const aspects = { least: 3 / 4, most: 4 / 3 } as const;
const attempts = 10;

/**
 * A random part of a picture for training: 8 to 100 % of its area, 3:4 to 4:3, as torchvision's `RandomResizedCrop`
 * draws it; where ten draws do not fit, the middle at the nearest aspect.
 */
export function randomRegion({ height, width }: Size, rng: Rng): Region {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const area = height * width * (areas.least + (areas.most - areas.least) * rng.next());
    const aspect = exp(log(aspects.least) + (log(aspects.most) - log(aspects.least)) * rng.next());
    const w = Math.max(1, Math.round(Math.sqrt(area * aspect)));
    const h = Math.max(1, Math.round(Math.sqrt(area / aspect)));
    if (w > width || h > height) continue;
    return { top: rng.int(height - h + 1), left: rng.int(width - w + 1), height: h, width: w };
  }
  const w = Math.min(width, Math.round(height * aspects.most));
  const h = Math.min(height, Math.round(width / aspects.least));
  return { top: Math.floor((height - h) / 2), left: Math.floor((width - w) / 2), height: h, width: w };
}

/** Share of a picture's shorter side that is looked at, as usual for ImageNet: 224 of 256 px. */
export const centre = 7 / 8;

/**
 * The part of a picture that is looked at when it is judged: all of it where it has the size of the network's input,
 * else the middle, in the shape of the input.
 */
export function centreRegion({ height, width }: Size, input: Size): Region {
  if (height === input.height && width === input.width) return { top: 0, left: 0, height, width };
  const scale = centre * Math.min(height / input.height, width / input.width);
  const [h, w] = [Math.max(1, scale * input.height), Math.max(1, scale * input.width)];
  return { top: (height - h) / 2, left: (width - w) / 2, height: h, width: w };
}
