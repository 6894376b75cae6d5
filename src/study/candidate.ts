import { buildGraph } from "../arch/build.ts";
import type { Dataset } from "../data/dataset.ts";
import type { DeviceModel } from "../device/device.ts";
import { costsOf, type Costs } from "../graph/costs.ts";
import type { Graph } from "../graph/graph.ts";
import { initWeights, type Weights } from "../graph/weights.ts";
import { toOnnx, type OnnxMetadata } from "../lower/onnx.ts";
import type { Arch, Task } from "../space/arch.ts";
import { formatArch } from "../space/notation.ts";
import { createRng } from "../util/rng.ts";
import { version } from "../version.ts";

/** A network with what a study needs of it. */
export interface Candidate {
  readonly arch: Arch;
  readonly notation: string;
  readonly graph: Graph;
  readonly costs: Costs;
}

export function candidateOf(arch: Arch): Candidate {
  const graph = buildGraph(arch);
  return { arch, notation: formatArch(arch), graph, costs: costsOf(graph) };
}

/** The task that a data set sets. */
export const taskOf = ({ train: { height, width, channels }, classes }: Dataset): Task => ({
  height,
  width,
  channels,
  classes: classes.length,
});

/** What a model file says of itself, with the preprocessing of the data it was trained on. */
export const metadataOf = (
  notation: string,
  dataset: Pick<Dataset, "classes" | "mean" | "deviation">,
  task: Task,
): OnnxMetadata => ({
  version,
  notation,
  classes: dataset.classes,
  preprocessing: {
    mean: dataset.mean,
    deviation: dataset.deviation,
    height: task.height,
    width: task.width,
    channels: task.channels,
  },
});

/** The form in which a device gets a network. Its weights do not change how long it takes, so any will do. */
export function deviceModel({ notation, arch: { task }, graph, costs }: Candidate, weights?: Weights): DeviceModel {
  const nameless = {
    classes: [],
    mean: Array<number>(task.channels).fill(0),
    deviation: Array<number>(task.channels).fill(1),
  };
  return {
    name: notation,
    madds: costs.madds,
    onnx: () =>
      toOnnx(graph, weights ?? initWeights(graph, createRng("latency")), metadataOf(notation, nameless, task)),
  };
}
