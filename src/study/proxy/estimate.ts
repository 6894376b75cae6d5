import { changed, type Config } from "../../config/config.ts";
import type { Dataset } from "../../data/dataset.ts";
import { createEngine } from "../../engine/engine.ts";
import { initWeights } from "../../graph/weights.ts";
import type { Trial } from "../../store/store.ts";
import { planFor } from "../../train/recipe.ts";
import { createRng } from "../../util/rng.ts";
import { mean } from "../../util/welch.ts";
import type { Member } from "./networks.ts";

/** Multiply-adds of a training's forward passes: what its time is about in proportion to. */
export function workOf({ phase, epochs, madds }: Trial, config: Pick<Config, "proxy" | "final">, dataset: Dataset) {
  const recipe = changed(phase === "search" ? config.proxy : config.final, { epochs: epochs ?? undefined });
  const { steps, batch } = planFor(recipe, dataset);
  return steps * batch * madds;
}

const warmUp = 1;
const timed = 2;

/** Seconds per multiply-add of a training's forward passes on one core, from a few steps of three of the networks. */
export async function timePerMadd(
  networks: readonly Member[],
  { proxy }: Pick<Config, "proxy">,
  dataset: Dataset,
): Promise<number> {
  const { batch } = planFor(proxy, dataset);
  const rates: number[] = [];
  for (const { graph, costs } of networks.slice(0, 3)) {
    const engine = await createEngine(graph, {
      batch,
      optimizer: proxy.optimizer,
      weightDecay: 0,
      labelSmoothing: 0,
      emaDecay: proxy.emaDecay,
      seed: 0,
    });
    engine.setWeights(initWeights(graph, createRng(0)));
    for (let i = 0; i < warmUp; i++) engine.step(0);
    const start = performance.now();
    for (let i = 0; i < timed; i++) engine.step(0);
    rates.push((performance.now() - start) / 1000 / (timed * batch * costs.madds));
  }
  return mean(rates);
}
