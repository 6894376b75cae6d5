import { buildGraph } from "../arch/build.ts";
import type { Dataset } from "../data/dataset.ts";
import type { DeviceModel } from "../device/device.ts";
import { MnasError } from "../errors.ts";
import { costsOf, type Costs } from "../graph/costs.ts";
import type { Graph } from "../graph/graph.ts";
import { initWeights, type Weights } from "../graph/weights.ts";
import { modelMetadata } from "../lower/metadata.ts";
import { toOnnx } from "../lower/onnx.ts";
import { toTflite } from "../lower/tflite.ts";
import { describeTask, isSameTask, type Arch, type Task } from "../space/arch.ts";
import { formatArch } from "../space/notation.ts";
import { createRng } from "../util/rng.ts";

/** A network with what a study needs of it. */
export interface Candidate {
  readonly arch: Arch;
  readonly notation: string;
  readonly graph: Graph;
  readonly costs: Costs;
}

/** What a network may cost: the size of an ONNX file, and the memory that WebAssembly has for one image. */
const limits = { layers: 500, params: 2 ** 29, peakActivationBytes: 2 ** 32 } as const;

/** Builds a network of any size. */
export function buildCandidate(arch: Arch): Candidate {
  const graph = buildGraph(arch);
  return { arch, notation: formatArch(arch), graph, costs: costsOf(graph) };
}

/** Builds a network. Throws `ARCH_INVALID` when no file or memory can hold it. */
export function candidateOf(arch: Arch): Candidate {
  const need = (what: string, value: number, most: number): void => {
    if (value <= most) return;
    const [is, must] = [value, most].map((n) => n.toLocaleString("en"));
    throw new MnasError("ARCH_INVALID", `Cannot build network: it has ${is} ${what}, must be at most ${must}`, {
      hint: "Give it fewer classes or layers, smaller images, or a smaller width.",
    });
  };
  const layers = arch.blocks.reduce((sum, block) => sum + block.layers, 0);
  need("layers", layers, limits.layers);
  const candidate = buildCandidate(arch);
  const { costs } = candidate;
  need("parameters", costs.params, limits.params);
  need("bytes of activations", costs.peakActivationBytes, limits.peakActivationBytes);
  return candidate;
}

/** The task that a data set sets. */
export const taskOf = ({ train: { height, width, channels }, classes }: Dataset): Task => ({
  height,
  width,
  channels,
  classes: classes.length,
});

/** Refuses data that a network is not for. Throws `DATA_INVALID`. */
export function checkTask(dataset: Dataset, task: Task): void {
  const is = taskOf(dataset);
  if (isSameTask(is, task)) return;
  throw new MnasError(
    "DATA_INVALID",
    `Cannot use data "${dataset.source}": the network is for ${describeTask(task)}, its images are ${describeTask(is)}`,
    { hint: "Name with --data what the network was trained on." },
  );
}

/** The form in which a device gets a network. Its weights do not change how long it takes, so any will do. */
export function deviceModel({ notation, arch, graph, costs }: Candidate, weights?: Weights): DeviceModel {
  const { task } = arch;
  const nameless = {
    classes: [],
    mean: Array<number>(task.channels).fill(0),
    deviation: Array<number>(task.channels).fill(1),
  };
  const parts = () =>
    [graph, weights ?? initWeights(graph, createRng("latency")), modelMetadata(notation, nameless, task)] as const;
  return {
    name: notation,
    madds: costs.madds,
    graph,
    arch,
    onnx: () => toOnnx(...parts()),
    tflite: () => toTflite(...parts()),
  };
}
