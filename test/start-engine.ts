import { createEngine, type Engine, type EngineOptions } from "../src/engine/engine.ts";
import { parametersOf, type Graph } from "../src/graph/graph.ts";
import { createRng } from "../src/util/rng.ts";

export const plain: EngineOptions = {
  batch: 4,
  optimizer: { kind: "sgd", momentum: 0, nesterov: false },
  weightDecay: 0,
  labelSmoothing: 0.1,
  emaDecay: null,
  seed: "test",
};

/** Weights of all sizes and signs; variances positive. */
export function randomWeights(graph: Graph, seed: number): Map<string, Float32Array> {
  return new Map(
    parametersOf(graph).map(({ name, shape }) => {
      const rng = createRng(`${seed}/${name}`);
      const size = shape.reduce((n, d) => n * d, 1);
      const fan = Math.max(1, size / shape.at(-1)!);
      const one = (): number => {
        if (name.endsWith("variance")) return 0.5 + rng.next();
        return name.endsWith("gamma") ? 1 + 0.5 * rng.normal() : rng.normal() / Math.sqrt(fan);
      };
      return [name, Float32Array.from({ length: size }, one)];
    }),
  );
}

/** An engine with random weights, and random images and labels in place. */
export async function startEngine(
  graph: Graph,
  seed: number,
  options: Partial<EngineOptions> = {},
): Promise<{ engine: Engine; weights: Map<string, Float32Array> }> {
  const engine = await createEngine(graph, { ...plain, ...options });
  const weights = randomWeights(graph, seed);
  engine.setWeights(weights);
  const rng = createRng(seed);
  for (let i = 0; i < engine.images.length; i++) engine.images[i] = rng.normal();
  for (let i = 0; i < engine.batch; i++) engine.labels[i] = rng.int(graph.output.shape[2]);
  return { engine, weights };
}

export const largest = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Distance of two arrays, relative to the larger of `floor` and the largest value. */
export function distance(got: ArrayLike<number>, want: ArrayLike<number>, floor: number): number {
  if (got.length !== want.length) return Infinity;
  return largest(Array.from(got, (value, i) => value - want[i]!)) / Math.max(floor, largest(want));
}
