import { buildGraph } from "../../src/arch/build.ts";
import { zooArch } from "../../src/arch/zoo.ts";
import { addressOf, type Call } from "../../src/engine/builder.ts";
import { compile } from "../../src/engine/compile.ts";
import type { Graph } from "../../src/graph/graph.ts";
import { parseArch } from "../../src/space/notation.ts";
import { hashOf, type Golden } from "./golden.ts";

const zoo = (name: string, size: number, channels: number): Graph =>
  buildGraph(zooArch(name, { task: { height: size, width: size, channels, classes: 10 } }));

/** Every op that a notation can name. */
export const everyOp =
  "in20x20x3 stem24_k3_s22 r2_k5_s22_e3_i24_o40_se0.25 r1_k3_s11_e6_i40_o128_hswish r1_k7_s11_e1_i128_o40_se0.25_relu6 r1_k3_s11_conv_i40_o24_pool head64 classes10";

/** Eight networks that use all kernels between them. */
const networks: Readonly<Record<string, () => Graph>> = {
  "mnasnet-a1 at 96 px": () => zoo("mnasnet-a1", 96, 3),
  "mnasnet-b1 at 32 px": () => zoo("mnasnet-b1", 32, 3),
  "mnasnet-small at 28 px": () => zoo("mnasnet-small", 28, 1),
  "mnasnet-d1 at 64 px": () => zoo("mnasnet-d1", 64, 3),
  "mobilenet-v1 at 48 px": () => zoo("mobilenet-v1", 48, 3),
  "mobilenet-v2 at 32 px": () => zoo("mobilenet-v2", 32, 3),
  "every op": () => buildGraph(parseArch(everyOp)),
  "images that are no squares": () =>
    buildGraph(
      parseArch("in14x18x2 stem8_k5_s22 r2_k3_s22_conv_i8_o12_pool r1_k5_s11_e3_i12_o12_hswish head0 classes3"),
    ),
};

const words = (calls: readonly Call[]): unknown[] => calls.map(({ kernel, args }) => [kernel, ...args.map(addressOf)]);

/** Calls, addresses and records of a compiled program; the counts say at a glance how far a change reaches. */
function programOf(graph: Graph): string {
  const program = compile(graph, 4096, { batch: 4, labelSmoothing: 0.1, batchNormMomentum: 0.9, sections: 3 });
  const memory = new ArrayBuffer(program.bytes);
  program.writeRecords(memory);
  const calls = [program.forward, program.inference, [program.loss], program.backward].map(words);
  const { images, labels, correct, seed, weights, gradients, sections } = program;
  const hash = hashOf(
    JSON.stringify([calls, images, labels, correct, seed, weights, gradients, sections]),
    new Uint8Array(memory),
  );
  return `${calls.map(({ length }) => length).join("+")} calls, ${program.bytes} bytes, ${hash}`;
}

/** Compiled programs. */
export const programs: Golden = async () =>
  Object.fromEntries(Object.entries(networks).map(([name, graph]) => [name, programOf(graph())]));
