import { MnasError } from "../errors.ts";
import type { BlockSpec, NetworkSpace, NetworkTemplate } from "./arch.ts";
import { oneOf } from "./choice.ts";
import { defineSpace } from "./space.ts";

/** The base's channels × {0.75, 1, 1.25}, to the nearest multiple of 4: mobile kernels work on 4 channels at a time. */
export const filtersAround = (base: number): number[] =>
  [0.75, 1, 1.25].map((share) => Math.round((share * base) / 4) * 4);

/** One layer fewer, as many, or one more than the base; never fewer than one. */
export const layersAround = (base: number): number[] => (base > 1 ? [base - 1, base, base + 1] : [1, 2]);

/** The decisions of one MnasNet block around a base (paper, section 4.1). */
const block = (stride: number, filters: number, layers: number) =>
  ({
    op: oneOf<BlockSpec["op"]>("op", ["conv", "sepconv", "mbconv3", "mbconv6"]),
    kernel: oneOf("kernel", [3, 5]),
    stride,
    filters: oneOf("filters", filtersAround(filters)),
    layers: oneOf("layers", layersAround(layers)),
    seRatio: oneOf("seRatio", [0, 0.25]),
    skip: oneOf<BlockSpec["skip"]>("skip", ["none", "identity", "pool"]),
  }) satisfies NetworkTemplate["blocks"][number];

/** The space of the MnasNet paper: seven blocks around MobileNetV2, for images of 96 to 320 px. */
export const mnasnetSpace: NetworkSpace = defineSpace<NetworkTemplate>("mnasnet", {
  stem: { kernel: 3, stride: 2, filters: 32 },
  blocks: [
    block(1, 16, 1),
    block(2, 24, 2),
    block(2, 32, 3),
    block(2, 64, 4),
    block(1, 96, 3),
    block(2, 160, 3),
    block(1, 320, 1),
  ],
  head: { filters: 1280 },
  dropout: 0.2,
});

/** Its cousin for images of 28 to 64 px: the same decisions, five blocks, three halvings, about a hundredth of the work. */
export const mnasnetTinySpace: NetworkSpace = defineSpace<NetworkTemplate>("mnasnet-tiny", {
  stem: { kernel: 3, stride: 1, filters: 16 },
  blocks: [block(2, 12, 1), block(1, 16, 2), block(2, 32, 2), block(1, 40, 2), block(2, 64, 1)],
  head: { filters: 128 },
  dropout: 0,
});

/** Spaces by name. */
export const spaces: Readonly<Record<string, NetworkSpace>> = {
  [mnasnetTinySpace.name]: mnasnetTinySpace,
  [mnasnetSpace.name]: mnasnetSpace,
};

/** A preset space. Throws `SPACE_INVALID` for an unknown name. */
export function presetSpace(name: string): NetworkSpace {
  const space = spaces[name];
  if (space !== undefined) return space;
  throw new MnasError("SPACE_INVALID", `Cannot use space "${name}": no such preset`, {
    hint: `Use one of ${Object.keys(spaces).join(", ")}, or a space of your own in mnas.config.ts.`,
  });
}
