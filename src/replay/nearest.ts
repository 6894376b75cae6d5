import { oneOf } from "../space/choice.ts";
import { defineSpace, type Genotype, type SearchSpace } from "../space/space.ts";

/** The space of networks that are made of parts, and the entry of each: its own, or else the nearest. */
export function spaceOf<Entry extends object>(
  name: string,
  parts: readonly (readonly string[])[],
  entries: readonly Entry[],
): { readonly space: SearchSpace; readonly entryOf: (genotype: Genotype) => Entry } {
  const choices = parts[0]!.map((_, i) => [...new Set(parts.map((some) => some[i]!))].sort());
  // Parts that differ somewhere are the decisions.
  const decided = choices.flatMap((some, i) => (some.length > 1 ? [i] : []));
  const space = defineSpace(
    name,
    decided.map((i) => oneOf("part", choices[i]!)),
  );
  const indices = choices.map((some) => new Map(some.map((part, index) => [part, index])));
  const genotypes = parts.map((some) => decided.map((i) => indices[i]!.get(some[i]!)!));
  const known = new Map(genotypes.map((genotype, i) => [genotype.join(), entries[i]!]));

  /** The first of those that differ in the fewest decisions. */
  const nearest = (genotype: Genotype): Entry => {
    let best = { i: 0, differing: Infinity };
    genotypes.forEach((other, i) => {
      let differing = 0;
      for (let d = 0; d < other.length; d++) if (other[d] !== genotype[d]) differing++;
      if (differing < best.differing) best = { i, differing };
    });
    return entries[best.i]!;
  };
  const entryOf = (genotype: Genotype): Entry => {
    const id = genotype.join();
    const entry = known.get(id) ?? nearest(genotype);
    known.set(id, entry);
    return entry;
  };
  return { space, entryOf };
}
