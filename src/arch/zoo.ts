import { MnasError } from "../errors.ts";
import { checkArch, type Arch, type HeadSpec, type StemSpec, type Task } from "../space/arch.ts";
import { parseBlock } from "../space/notation.ts";

/** Channels times a width multiplier, to a multiple of 8 that loses at most a tenth (MobileNet reference code). */
function roundFilters(filters: number, multiplier: number): number {
  if (multiplier === 1) return filters;
  const wanted = filters * multiplier;
  const rounded = Math.max(8, Math.floor((wanted + 4) / 8) * 8);
  return rounded < 0.9 * wanted ? rounded + 8 : rounded;
}

interface Reference {
  readonly stem: StemSpec;
  /** Block strings as published, at width 1. */
  readonly blocks: readonly string[];
  readonly head: HeadSpec;
  /** Channels of the head at a width; the MnasNets keep 1280. */
  readonly headAt: (filters: number, width: number) => number;
  readonly dropout: number;
  readonly size: number;
  readonly source: string;
}

const kept = (filters: number): number => filters;
const tpu = "tensorflow/tpu models/official/mnasnet";
const mnasnet = { head: { filters: 1280 }, headAt: kept, dropout: 0.2, size: 224, source: tpu };
const stem32: StemSpec = { kernel: 3, stride: 2, filters: 32 };
const v1 = (stride: number, input: number, output: number): string =>
  `r1_k3_s${stride}${stride}_e1_i${input}_o${output}_noskip_pact`;

const references: Readonly<Record<string, Reference>> = {
  "mnasnet-a1": {
    ...mnasnet,
    stem: stem32,
    blocks: [
      "r1_k3_s11_e1_i32_o16_noskip",
      "r2_k3_s22_e6_i16_o24",
      "r3_k5_s22_e3_i24_o40_se0.25",
      "r4_k3_s22_e6_i40_o80",
      "r2_k3_s11_e6_i80_o112_se0.25",
      "r3_k5_s22_e6_i112_o160_se0.25",
      "r1_k3_s11_e6_i160_o320",
    ],
  },
  "mnasnet-b1": {
    ...mnasnet,
    stem: stem32,
    blocks: [
      "r1_k3_s11_e1_i32_o16_noskip",
      "r3_k3_s22_e3_i16_o24",
      "r3_k5_s22_e3_i24_o40",
      "r3_k5_s22_e6_i40_o80",
      "r2_k3_s11_e6_i80_o96",
      "r4_k5_s22_e6_i96_o192",
      "r1_k3_s11_e6_i192_o320_noskip",
    ],
  },
  "mnasnet-small": {
    ...mnasnet,
    dropout: 0,
    stem: { ...stem32, filters: 8 },
    blocks: [
      // Published with i16 although the stem gives 8, so the reference code adds no skip here.
      "r1_k3_s11_e1_i8_o8_noskip",
      "r1_k3_s22_e3_i8_o16",
      "r2_k3_s22_e6_i16_o16",
      "r4_k5_s22_e6_i16_o32_se0.25",
      "r3_k3_s11_e6_i32_o32_se0.25",
      "r3_k5_s22_e6_i32_o88_se0.25",
      "r1_k3_s11_e6_i88_o144",
    ],
  },
  "mnasnet-d1": {
    ...mnasnet,
    stem: stem32,
    blocks: [
      "r1_k3_s11_e9_i32_o24",
      "r3_k3_s22_e9_i24_o36",
      "r5_k3_s22_e9_i36_o48",
      "r4_k5_s22_e9_i48_o96",
      "r5_k7_s11_e3_i96_o96",
      "r3_k3_s22_e9_i96_o80",
      "r1_k7_s11_e6_i80_o320_noskip",
    ],
  },
  "mnasnet-d1-320": {
    ...mnasnet,
    size: 320,
    stem: stem32,
    blocks: [
      "r3_k5_s11_e6_i32_o24",
      "r4_k7_s22_e9_i24_o36",
      "r5_k5_s22_e9_i36_o48",
      "r5_k7_s22_e6_i48_o96",
      "r5_k3_s11_e9_i96_o144",
      "r5_k5_s22_e6_i144_o160",
      "r1_k7_s11_e9_i160_o320",
    ],
  },
  "mobilenet-v1": {
    source: "arXiv 1704.04861",
    size: 224,
    dropout: 0.001,
    stem: { ...stem32 },
    blocks: [
      v1(1, 32, 64),
      v1(2, 64, 128),
      v1(1, 128, 128),
      v1(2, 128, 256),
      v1(1, 256, 256),
      v1(2, 256, 512),
      "r5_k3_s11_e1_i512_o512_noskip_pact",
      v1(2, 512, 1024),
      v1(1, 1024, 1024),
    ],
    head: { filters: 0 },
    headAt: kept,
  },
  "mobilenet-v2": {
    source: "arXiv 1801.04381",
    size: 224,
    dropout: 0.2,
    stem: { ...stem32, activation: "relu6" },
    blocks: [
      "r1_k3_s11_e1_i32_o16_relu6",
      "r2_k3_s22_e6_i16_o24_relu6",
      "r3_k3_s22_e6_i24_o32_relu6",
      "r4_k3_s22_e6_i32_o64_relu6",
      "r3_k3_s11_e6_i64_o96_relu6",
      "r3_k3_s22_e6_i96_o160_relu6",
      "r1_k3_s11_e6_i160_o320_relu6",
    ],
    head: { filters: 1280, activation: "relu6" },
    headAt: (filters, width) => (width > 1 ? roundFilters(filters, width) : filters),
  },
};

/** Names of the reference networks. */
export const zooNames: readonly string[] = Object.keys(references);

export interface ZooOptions {
  /** Width multiplier. */
  readonly width?: number;
  /**
   * Images and classes; by default 1000 classes at the size the network was published for. For images of up to 64 px the
   * first and the last halving are left out, as is usual for them: otherwise 28 px would end as a single pixel.
   */
  readonly task?: Partial<Task>;
  /** Scale the head's channels with the width too, where the publication keeps them; fairer to very small networks. */
  readonly scaleHead?: boolean;
}

/** Images of at most this side are small. */
const smallSize = 64;

/**
 * A published reference network.
 *
 * @throws MnasError `ARCH_INVALID` for a name that is not in the zoo or a width that is not positive.
 */
export function zooArch(name: string, { width = 1, task = {}, scaleHead = false }: ZooOptions = {}): Arch {
  const reference = references[name];
  if (reference === undefined) {
    throw new MnasError("ARCH_INVALID", `Cannot find architecture "${name}"`, {
      hint: `Use one of ${zooNames.join(", ")}.`,
    });
  }
  if (!(width > 0 && width <= 10)) {
    throw new MnasError("ARCH_INVALID", `Cannot scale ${name}: width is ${width}, must be above 0 and at most 10`);
  }
  const { stem, head, headAt, dropout, size } = reference;
  const images: Task = { height: size, width: size, channels: 3, classes: 1000, ...task };
  const isSmall = Math.max(images.height, images.width) <= smallSize;
  const blocks = reference.blocks.map((text) => parseBlock(text).block);
  const lastHalving = blocks.findLastIndex(({ stride }) => stride === 2);
  return checkArch({
    task: images,
    stem: { ...stem, filters: roundFilters(stem.filters, width), ...(isSmall ? { stride: 1 } : {}) },
    blocks: blocks.map((block, i) => ({
      ...block,
      filters: roundFilters(block.filters, width),
      ...(isSmall && i === lastHalving ? { stride: 1 } : {}),
    })),
    head: {
      ...head,
      filters: scaleHead && head.filters > 0 ? roundFilters(head.filters, width) : headAt(head.filters, width),
    },
    dropout,
  });
}

/** Where a reference network was published. */
export const zooSource = (name: string): string => references[name]?.source ?? "";
