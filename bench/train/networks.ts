import { zooArch } from "../../src/arch/zoo.ts";
import { formatArch } from "../../src/space/notation.ts";

/** A network and how it is trained here. */
export interface Network {
  readonly name: string;
  readonly notation: string;
  readonly batch: number;
  /** Small, since differences in the last bits grow the faster the larger it is; speed does not depend on it. */
  readonly learningRate: number;
}

/** MnasNet-A1 without dropout, whose draws would differ from one side to the other. */
const a1 = (size: number): string =>
  formatArch({ ...zooArch("mnasnet-a1", { task: { height: size, width: size, classes: 10 } }), dropout: 0 });

export const networks: readonly Network[] = [
  {
    name: "tiny",
    notation:
      "in28x28x1 stem16_k3_s11 r2_k3_s22_e6_i16_o12_pool r1_k5_s11_e3_i12_o12_se0.25_pool r2_k5_s22_e6_i12_o40_se0.25 " +
      "r3_k3_s11_conv_i40_o32_pool r1_k5_s22_e3_i32_o80_pool head128 classes10",
    batch: 64,
    learningRate: 0.002,
  },
  {
    name: "cifar",
    notation:
      "in32x32x3 stem24_k3_s11 r2_k3_s22_e6_i24_o24 r2_k5_s11_e3_i24_o40_se0.25 r3_k3_s22_e6_i40_o64 " +
      "r2_k5_s11_e6_i64_o80_se0.25 r1_k3_s22_e6_i80_o128 head256 classes10",
    batch: 64,
    learningRate: 0.0005,
  },
  { name: "a1-96", notation: a1(96), batch: 32, learningRate: 0.00002 },
  { name: "a1-224", notation: a1(224), batch: 16, learningRate: 0.00002 },
];
