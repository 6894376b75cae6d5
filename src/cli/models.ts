import { zooArch, zooNames, zooSource } from "../arch/zoo.ts";
import type { Costs } from "../graph/costs.ts";
import { networkOf } from "../arch/network.ts";
import { findNetwork } from "./network.ts";
import { taskOptions, type NetworkOptions } from "./network-options.ts";
import { millions, print, printJson, table, thousands } from "./output.ts";

export interface ModelOptions extends NetworkOptions {
  readonly json?: boolean;
}

/** `mnas models [NAME]` */
export function models(name: string | undefined, { json = false, ...options }: ModelOptions): void {
  if (name !== undefined) {
    const { name: title, arch } = findNetwork(name, options);
    const { notation, costs } = networkOf(arch);
    if (json) return printJson({ name: title, notation, ...costs });
    print(
      `${title}: ${thousands(costs.params)} parameters, ${millions(costs.madds)} multiply-adds, ${millions(costs.peakActivationBytes)}B of activations`,
    );
    print(notation);
    print();
    return print(layersTable(costs));
  }
  const all = zooNames.map((zooName) => {
    const { width = 1 } = options;
    const { arch, notation, costs } = networkOf(zooArch(zooName, { width, task: taskOptions(options) }));
    return {
      name: zooName,
      size: arch.task.height,
      params: costs.params,
      madds: costs.madds,
      source: zooSource(zooName),
      notation,
    };
  });
  if (json) return printJson(all);
  print(
    table(
      ["name", "size", "params", "madds", "source"],
      all.map((row) => [
        row.name,
        String(row.size),
        row.params.toLocaleString("en"),
        row.madds.toLocaleString("en"),
        row.source,
      ]),
    ),
  );
}

/** Every layer with its shapes and costs. */
export const layersTable = ({ layers }: Costs): string =>
  table(
    ["layer", "op", "kernel", "stride", "input", "output", "params", "madds"],
    layers.map((layer) => [
      layer.name,
      layer.op,
      layer.kernel === null ? "–" : String(layer.kernel),
      layer.stride === null ? "–" : String(layer.stride),
      layer.input.join("×"),
      layer.output.join("×"),
      layer.params.toLocaleString("en"),
      layer.madds.toLocaleString("en"),
    ]),
  );
