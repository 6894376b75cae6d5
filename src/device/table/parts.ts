import type { Arch, BlockSpec, HeadSpec, StemSpec, Task } from "../../space/arch.ts";
import { formatBlock, formatHead, formatStem, plain } from "../../space/notation.ts";

/** Height, width and channels of a value. */
export type Size = readonly [height: number, width: number, channels: number];

/** Some layers of one kind, with the size that they get. */
export interface BlockPart {
  readonly kind: "block";
  readonly size: Size;
  readonly block: BlockSpec;
}

/** What a network is put together of; pooling and classifier belong to the head. */
export type Part =
  | { readonly kind: "stem"; readonly size: Size; readonly stem: StemSpec }
  | BlockPart
  | { readonly kind: "head"; readonly size: Size; readonly head: HeadSpec; readonly classes: number };

/**
 * What tables call a part, in the words of the notation: `28x28x1 stem16_k3_s11`, `28x28 r1_k3_s22_e6_i16_o24`,
 * `4x4x64 head128 classes10`. Parts of one key take the same time.
 */
export function keyOf(part: Part): string {
  const [height, width, channels] = part.size;
  switch (part.kind) {
    case "stem":
      return `${height}x${width}x${channels} ${formatStem(part.stem)}`;
    case "block":
      return `${height}x${width} ${formatBlock(plain(part.block, part.size), channels)}`;
    case "head":
      return `${height}x${width}x${channels} ${formatHead(part.head)} classes${part.classes}`;
  }
}

export const imageSize = ({ height, width, channels }: Task): Size => [height, width, channels];

/** What a stem or block makes of a size. */
export const sizeAfter = (
  [height, width]: Size,
  { stride, filters }: { readonly stride: number; readonly filters: number },
): Size => [Math.ceil(height / stride), Math.ceil(width / stride), filters];

/** The layers of a block, each as a block of one layer. */
export function layersOf({ size, block }: BlockPart): BlockPart[] {
  const first: BlockPart = { kind: "block", size, block: { ...block, layers: 1 } };
  const other: BlockPart = { kind: "block", size: sizeAfter(size, block), block: { ...first.block, stride: 1 } };
  return Array.from({ length: block.layers }, (_, i) => (i === 0 ? first : other));
}

/** Stem, blocks and head of a network. */
export function partsOf({ task, stem, blocks, head }: Arch): Part[] {
  let size = imageSize(task);
  const parts: Part[] = [{ kind: "stem", size, stem }];
  size = sizeAfter(size, stem);
  for (const block of blocks) {
    parts.push({ kind: "block", size, block });
    size = sizeAfter(size, block);
  }
  return [...parts, { kind: "head", size, head, classes: task.classes }];
}

/** The same with every layer on its own. */
export const layeredParts = (arch: Arch): Part[] =>
  partsOf(arch).flatMap((part): Part[] => (part.kind === "block" ? layersOf(part) : [part]));
