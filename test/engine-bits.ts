/* Prints a hash of the weights after some steps; the arguments are flags for V8, set before the kernels are compiled. */
import { createHash } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { buildGraph } from "../src/arch/build.ts";
import { parseArch } from "../src/space/notation.ts";
import { startEngine } from "./start-engine.ts";

process.argv.slice(2).forEach((flag) => setFlagsFromString(flag));
const graph = buildGraph(
  parseArch(
    "in20x20x3 stem24_k3_s22 r2_k5_s22_e3_i24_o40_se0.25 r1_k3_s11_e6_i40_o128_hswish r1_k7_s11_e1_i128_o40_se0.25_relu6 r1_k3_s11_conv_i40_o24_pool head64 classes10",
  ),
);
const { engine } = await startEngine(graph, 3, { batch: 16 });
for (let step = 0; step < 60; step++) engine.step(0.05);
const hash = createHash("sha256");
for (const values of engine.weights().values()) hash.update(new Uint8Array(values.buffer));
console.log(hash.digest("hex"));
