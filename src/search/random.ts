import { sample, type SearchSpace } from "../space/space.ts";
import { createRng } from "../util/rng.ts";
import type { Searcher } from "./searcher.ts";

/** Every genotype equally likely, whatever was seen: what any other searcher has to beat. */
export function randomSearcher(space: SearchSpace, { seed }: { readonly seed: number }): Searcher {
  const root = createRng(seed).fork("search");
  return {
    ask: (number) => sample(space, root.fork(number)),
    tell: () => {},
  };
}
