import { buildGraph } from "../arch/build.ts";
import type { Dataset } from "../data/dataset.ts";
import { costsOf } from "../graph/costs.ts";
import type { Graph } from "../graph/graph.ts";
import { graphJson } from "../graph/json.ts";
import { parseArch } from "../space/notation.ts";
import { isFlipped, planFor } from "../train/recipe.ts";
import { createRng } from "../util/rng.ts";
import type { Order } from "./evaluator.ts";

/** What a request says of a network, whatever is asked about it. */
function networkOf(notation: string, graph: Graph) {
  const { params, madds } = costsOf(graph);
  return { notation, graph: graphJson(graph), costs: { params, madds } };
}

/** Asks how long a network takes. */
export const latencyRequest = (notation: string, graph: Graph) => ({ phase: "latency", ...networkOf(notation, graph) });

/** Asks to train and judge a network; `dir` is the folder that `exportData` filled. */
export function trainRequest(
  { phase, notation, recipe, seed, withTest, scratchFile }: Order,
  data: Dataset,
  dir: string,
) {
  const { workers: _, ...plan } = planFor(recipe, data);
  const arch = parseArch(notation);
  return {
    phase,
    ...networkOf(notation, buildGraph(arch)),
    arch,
    task: arch.task,
    // Many libraries take no more than 31 bits.
    seed: createRng(seed).int(2 ** 31),
    epochs: plan.epochs,
    recipe: { ...plan, flip: isFlipped(plan, data) },
    withTest,
    data: { source: data.source, key: data.key, dir, mean: data.mean, deviation: data.deviation },
    weightsFile: scratchFile,
  };
}
