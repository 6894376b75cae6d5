import { mutate, sample, type Genotype, type SearchSpace } from "../space/space.ts";
import type { Rng } from "../util/rng.ts";

/** Networks of the highest rewards, or the fastest, near which others are looked for. */
export const parentCount = 10;

/** How many candidates come about in which way. */
const counts = { mutants: 240, crossings: 60, random: 60 } as const;

/** Candidates near some parents: their mutants and crossings; and random ones. */
export function* neighbours(space: SearchSpace, parents: readonly Genotype[], rng: Rng): Generator<Genotype> {
  for (let i = 0; i < counts.mutants && parents.length > 0; i++) {
    let mutant = mutate(space, rng.pick(parents), rng);
    // One decision in half of the mutants, two in a quarter, and so on.
    while (rng.int(2) === 1) mutant = mutate(space, mutant, rng);
    yield mutant;
  }
  for (let i = 0; i < counts.crossings && parents.length > 1; i++) {
    const [mother, father] = [rng.pick(parents), rng.pick(parents)];
    yield mother.map((index, decision) => (rng.int(2) === 0 ? index : father[decision]!));
  }
  for (let i = 0; i < counts.random; i++) yield sample(space, rng);
}
