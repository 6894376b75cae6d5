import { buildGraph } from "../arch/build.ts";
import type { Dataset } from "../data/dataset.ts";
import { costsOf } from "../graph/costs.ts";
import { graphJson } from "../graph/json.ts";
import { parseArch } from "../space/notation.ts";
import { planFor } from "../train/recipe.ts";
import { createRng } from "../util/rng.ts";
import type { Order } from "./evaluator.ts";

/** What a request says of a network, whatever is asked about it. */
export function networkRequest(notation: string) {
  const arch = parseArch(notation);
  const graph = buildGraph(arch);
  const { params, madds } = costsOf(graph);
  return { notation, task: arch.task, arch, graph: graphJson(graph), costs: { params, madds } };
}

/** Asks to train and judge a network; `dir` is the folder that `exportData` filled. */
export function trainRequest(
  { phase, notation, recipe, seed, withTest, scratchFile }: Order,
  data: Dataset,
  dir: string,
) {
  const { workers: _, ...plan } = planFor(recipe, data);
  return {
    phase,
    ...networkRequest(notation),
    // Many libraries take no more than 31 bits.
    seed: createRng(seed).int(2 ** 31),
    epochs: plan.epochs,
    recipe: plan,
    withTest,
    data: { source: data.source, key: data.key, dir, mean: data.mean, deviation: data.deviation },
    weightsFile: scratchFile,
  };
}
