import type { DeviceModel, LatencyDevice } from "../src/device/device.ts";
import { openMadds } from "../src/device/madds.ts";
import { layersOf, type Features, type Layer } from "../src/device/predict/features.ts";
import { keyOf, layeredParts } from "../src/device/table/parts.ts";
import { archOf, type NetworkSpace, type NetworkTemplate } from "../src/space/arch.ts";
import { oneOf } from "../src/space/choice.ts";
import { defineSpace, sample } from "../src/space/space.ts";
import { buildNetwork } from "../src/arch/network.ts";
import { deviceModel } from "../src/device/model.ts";
import { createRng } from "../src/util/rng.ts";

export const task = { height: 20, width: 20, channels: 1, classes: 4 };

/** A space with decisions of every part, strides included. */
export const smallSpace: NetworkSpace = defineSpace<NetworkTemplate>("small", {
  stem: { kernel: 3, stride: 2, filters: oneOf("filters", [8, 12]) },
  blocks: [
    {
      op: oneOf("op", ["conv", "mbconv3"]),
      kernel: 3,
      stride: oneOf("stride", [1, 2]),
      filters: oneOf("filters", [8, 16]),
      layers: oneOf("layers", [1, 3]),
      seRatio: 0,
      skip: oneOf("skip", ["none", "identity", "pool"]),
    },
    {
      op: oneOf("op", ["sepconv", "mbconv6"]),
      kernel: oneOf("kernel", [3, 5]),
      stride: 2,
      filters: 16,
      layers: oneOf("layers", [1, 2]),
      seRatio: oneOf("seRatio", [0, 0.25]),
      skip: "identity",
    },
  ],
  head: oneOf("head", [{ filters: 0 }, { filters: 32, activation: "hswish" }]),
  dropout: 0,
});

export const randomModel = (seed: string | number, space = smallSpace): DeviceModel =>
  deviceModel(buildNetwork(archOf(space, sample(space, createRng("test").fork(seed)), task)));

/** A device that takes what a function says of a network. */
export const syntheticDevice = (msOf: (model: DeviceModel) => number): LatencyDevice => {
  const madds = openMadds();
  return {
    ...madds,
    name: "synthetic",
    measure: async (model, options) => {
      const ms = msOf(model);
      return { ...(await madds.measure(model, options)), medianMs: ms, p90Ms: ms, lowMs: ms, highMs: ms };
    },
  };
};

/** Every part takes some time of its own, and every network 0.3 ms besides. */
export const additiveDevice = (): LatencyDevice =>
  syntheticDevice(({ arch }) => layeredParts(arch!).reduce((sum, part) => sum + createRng(keyOf(part)).next(), 0.3));

const priceOf = (costs: Features): number =>
  Object.entries(costs).reduce(
    (sum, [kind, amount]) => sum + (kind === "nodes" ? 1e-3 : kind.startsWith("depthwise") ? 4e-6 : 1e-7) * amount,
    0,
  );

/** Every kind of work has a price, which a function may make another for each layer. */
export const linearDevice = (factorOf: (layer: Layer) => number = () => 1): LatencyDevice =>
  syntheticDevice(({ graph }) =>
    layersOf(graph!).reduce((sum, layer) => sum + factorOf(layer) * priceOf(layer.costs), 0.002),
  );
