import { mutate, sample, type Genotype, type SearchSpace } from "../space/space.ts";
import type { Rng } from "../util/rng.ts";

/** How many candidates come about in which way. */
const counts = { mutants: 240, crossings: 60, random: 60 } as const;

export interface ProposeOptions {
  readonly rng: Rng;
  readonly keyOf: (genotype: Genotype) => string;
  /** Networks that are not proposed again. */
  readonly taken: ReadonlySet<string>;
}

/** Networks near good ones: their mutants and crossings, and random ones; each once. */
export function propose(
  space: SearchSpace,
  parents: readonly Genotype[],
  { rng, keyOf, taken }: ProposeOptions,
): Genotype[] {
  const found = new Map<string, Genotype>();
  const offer = (genotype: Genotype): void => {
    const key = keyOf(genotype);
    if (!taken.has(key) && !found.has(key)) found.set(key, genotype);
  };
  for (let i = 0; i < counts.mutants && parents.length > 0; i++) {
    let mutant = mutate(space, rng.pick(parents), rng);
    while (rng.int(2) === 1) mutant = mutate(space, mutant, rng);
    offer(mutant);
  }
  for (let i = 0; i < counts.crossings && parents.length > 1; i++) {
    const [mother, father] = [rng.pick(parents), rng.pick(parents)];
    offer(mother.map((index, decision) => (rng.int(2) === 0 ? index : father[decision]!)));
  }
  for (let i = 0; i < counts.random; i++) offer(sample(space, rng));
  return [...found.values()];
}
