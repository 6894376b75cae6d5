import { MnasError } from "../errors.ts";
import { costsOf, type Costs } from "../graph/costs.ts";
import type { Graph } from "../graph/graph.ts";
import type { Arch } from "../space/arch.ts";
import { formatArch } from "../space/notation.ts";
import { buildGraph } from "./build.ts";

/** An architecture with its notation, its graph and its costs. */
export interface Network {
  readonly arch: Arch;
  readonly notation: string;
  readonly graph: Graph;
  readonly costs: Costs;
}

/** Limits of the costs of a network: the size of an ONNX file, and the memory that WebAssembly has for one image. */
const limits = { params: 2 ** 29, peakActivationBytes: 2 ** 32 } as const;

/** Builds a network of any size. */
export function buildNetwork(arch: Arch): Network {
  const graph = buildGraph(arch);
  return { arch, notation: formatArch(arch), graph, costs: costsOf(graph) };
}

/** Builds a network. Throws `ARCH_INVALID` when no file or memory can hold it. */
export function networkOf(arch: Arch): Network {
  const need = (what: string, value: number, most: number): void => {
    if (value <= most) return;
    const [is, must] = [value, most].map((n) => n.toLocaleString("en"));
    throw new MnasError("ARCH_INVALID", `Cannot build network: it has ${is} ${what}, must be at most ${must}`, {
      hint: "Give it fewer classes, smaller images, or a smaller width.",
    });
  };
  const candidate = buildNetwork(arch);
  const { costs } = candidate;
  need("parameters", costs.params, limits.params);
  need("bytes of activations", costs.peakActivationBytes, limits.peakActivationBytes);
  return candidate;
}
