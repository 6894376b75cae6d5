import type { Rng } from "../util/rng.ts";
import { parametersOf, type Graph } from "./graph.ts";

/** Arrays by parameter name, each in the layout and length that `parametersOf` says. */
export type Weights = ReadonlyMap<string, Float32Array>;

/** Freshly initialised weights; each array depends only on the seed and its name. */
export function initWeights(graph: Graph, rng: Rng): Weights {
  return new Map(
    parametersOf(graph).map(({ name, shape, init }) => {
      const values = new Float32Array(shape.reduce((n, size) => n * size, 1));
      const own = rng.fork(name);
      if (init.kind === "constant") values.fill(init.value);
      else if (init.kind === "normal")
        for (let i = 0; i < values.length; i++) values[i] = init.deviation * own.normal();
      else for (let i = 0; i < values.length; i++) values[i] = init.bound * (2 * own.next() - 1);
      return [name, values];
    }),
  );
}
