import { defineConfig, defineSpace, oneOf, type NetworkTemplate } from "mnas";

/** Three blocks for small images on a device that is fast at plain convolutions and slow at squeeze-and-excite. */
const space = defineSpace<NetworkTemplate>("plain", {
  stem: { kernel: 3, stride: 1, filters: oneOf("stem", [8, 16]) },
  blocks: [
    {
      op: "conv",
      kernel: oneOf("kernel", [1, 3]),
      stride: 2,
      filters: oneOf("filters", [16, 24, 32]),
      layers: oneOf("layers", [1, 2]),
      seRatio: 0,
      skip: "identity",
    },
    {
      op: oneOf("op", ["sepconv", "mbconv3"]),
      kernel: oneOf("kernel", [3, 5]),
      stride: 2,
      filters: oneOf("filters", [32, 48, 64]),
      layers: oneOf("layers", [1, 2, 3]),
      seRatio: 0,
      skip: oneOf("skip", ["none", "identity"]),
      activation: oneOf("activation", ["relu", "hswish"]),
    },
    { op: "mbconv4", kernel: 3, stride: 2, filters: 96, layers: 1, seRatio: 0, skip: "none" },
  ],
  head: { filters: oneOf("head", [0, 128]) },
  dropout: 0,
});

export default defineConfig({ space, target: 0.1, trials: 24 });
