import { openAxes, type ModelInput } from "../device/axes.ts";
import type { DeviceModel } from "../device/device.ts";
import { isModelFile, openModelFile } from "../device/file/open.ts";
import { MnasError } from "../errors.ts";
import type { Task } from "../space/arch.ts";
import { networkOf } from "../arch/network.ts";
import { deviceModel } from "../device/model.ts";
import { findNetwork } from "./network.ts";
import { networkKinds, refuseUnused, type NetworkOptions } from "./network-options.ts";

export interface SizeOptions extends NetworkOptions {
  /** Sizes of open axes by name. */
  readonly dim?: ReadonlyMap<string, number>;
}

/** A network to measure, and the inputs that it is measured with. */
export interface Measured {
  readonly model: DeviceModel;
  readonly inputs: readonly ModelInput[];
}

const inputsOf = ({ channels, height, width }: Task): ModelInput[] => [
  { name: "image", type: "float32", shape: [1, channels, height, width] },
];

/** For people: `1×3×224×224`, with the type where it is not float32. */
export const inputText = ({ type, shape }: ModelInput): string =>
  `${shape.length === 0 ? "scalar" : shape.join("×")}${type === "float32" ? "" : ` ${type}`}`;

/**
 * Finds networks by name, and opens model files with the sizes that options say. Every option applies to every network, and
 * every `--dim` to an axis of one of them.
 *
 * @throws MnasError as `findNetwork` and `openModelFile`; `USAGE` for an option that would change nothing.
 */
export function modelsToMeasure(networks: readonly string[], options: SizeOptions): Measured[] {
  const { width, size, classes, dim = new Map<string, number>() } = options;
  const used = new Set<string>();
  const open = new Set<string>();
  const measured = networks.map((text): Measured => {
    if (!isModelFile(text)) {
      const { name, arch, weights } = findNetwork(text, { width, size, classes });
      return { model: { ...deviceModel(networkOf(arch), weights ?? undefined), name }, inputs: inputsOf(arch.task) };
    }
    refuseUnused(text, networkKinds.model, { width, size, classes });
    const file = openModelFile(text, { size, dims: dim });
    for (const name of file.used) used.add(name);
    for (const name of openAxes(file.declared)) open.add(name);
    return { model: file.model, inputs: file.model.inputs ?? [] };
  });
  const unused = [...dim.keys()].find((name) => !used.has(name));
  if (unused === undefined) return measured;
  const there = open.size === 0 ? "no network has an open axis" : `the open axes are ${[...open].join(", ")}`;
  throw new MnasError("USAGE", `Cannot apply --dim ${unused}=${dim.get(unused)}: ${there}`, {
    hint: "Leave it out, or name an axis that a file leaves open.",
  });
}
