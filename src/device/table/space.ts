import type { BlockSpec, HeadSpec, NetworkSpace, StemSpec, Task } from "../../space/arch.ts";
import { isOneOf, type Choice } from "../../space/choice.ts";
import { imageSize, keyOf, layersOf, sizeAfter, type Part, type Size } from "./parts.ts";

const choicesOf = <T>(value: Choice<T>): readonly T[] => (isOneOf(value) ? value.choices : [value]);

type Open<T> = { readonly [K in keyof T]: Choice<T[K]> };

/** A part of a template with its choices taken in every way. */
const variantsOf = <T extends object>(template: Choice<T> | Open<T>): T[] =>
  choicesOf(template as Choice<Open<T>>).flatMap((open) =>
    Object.entries(open).reduce<object[]>(
      (all, [key, value]) => all.flatMap((one) => choicesOf(value).map((choice) => ({ ...one, [key]: choice }))),
      [{}],
    ),
  ) as T[];

const distinct = <T>(items: readonly T[], key: (item: T) => string): T[] => [
  ...new Map(items.map((item) => [key(item), item])).values(),
];

/**
 * Every stem, layer and head that the networks of a space are made of, once each. A block's decisions depend on no
 * other's, so it meets every size that the blocks before it can leave, and no other.
 */
export function partsOfSpace({ template }: NetworkSpace, task: Task): Part[] {
  const image = imageSize(task);
  const stems = variantsOf<StemSpec>(template.stem);
  const parts: Part[] = stems.map((stem) => ({ kind: "stem", size: image, stem }));
  const after = (from: readonly Size[], specs: readonly (StemSpec | BlockSpec)[]): Size[] =>
    distinct(
      from.flatMap((size) => specs.map((spec) => sizeAfter(size, spec))),
      String,
    );

  let sizes = after([image], stems);
  for (const open of template.blocks) {
    const blocks = variantsOf<BlockSpec>(open);
    parts.push(...sizes.flatMap((size) => blocks.flatMap((block) => layersOf({ kind: "block", size, block }))));
    sizes = after(sizes, blocks);
  }
  const heads = variantsOf<HeadSpec>(template.head);
  for (const size of sizes)
    parts.push(...heads.map((head): Part => ({ kind: "head", size, head, classes: task.classes })));
  return distinct(parts, keyOf);
}
