import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { buildGraph } from "../src/arch/build.ts";
import { zooArch } from "../src/arch/zoo.ts";
import { createEngine } from "../src/engine/engine.ts";
import { costsOf } from "../src/graph/costs.ts";
import { graphJson } from "../src/graph/json.ts";
import { initWeights, type Weights } from "../src/graph/weights.ts";
import { formatArch, parseArch } from "../src/space/notation.ts";
import { readWeights, saveCheckpoint } from "../src/train/checkpoint.ts";
import { createRng } from "../src/util/rng.ts";
import { mnas, scratch } from "./mnas.ts";
import { python } from "./torch.ts";

const trainer = fileURLToPath(new URL("../examples/pytorch/trainer.py", import.meta.url));

const networks: readonly (readonly [string, string])[] = [
  [
    "all kinds of blocks",
    "in28x28x1 stem8_k3_s22_hswish r2_k3_s22_e3_i8_o16_se0.25 r1_k5_s22_e1_i16_o24_pool head32 drop0.2 classes10",
  ],
  ["odd sizes", "in29x31x3 stem8_k5_s22 r2_k7_s22_e6_i8_o8 r1_k3_s11_conv_i8_o12_pool head0 classes5"],
  [
    "MnasNet-A1 ×0.5",
    formatArch(zooArch("mnasnet-a1", { width: 0.5, task: { height: 64, width: 64, channels: 3, classes: 10 } })),
  ],
];

/** Weights as training leaves them: no statistic is that of a fresh network. */
function trainedLike(notation: string): Weights {
  const rng = createRng(notation);
  const vary = (name: string, values: Float32Array): Float32Array =>
    /\.(gamma|variance)$/.test(name)
      ? values.map(() => 0.5 + rng.next())
      : /\.(beta|mean|bias)$/.test(name)
        ? values.map(() => 0.2 * rng.normal())
        : values;
  const fresh = initWeights(buildGraph(parseArch(notation)), rng.fork("init"));
  return new Map([...fresh].map(([name, values]) => [name, vary(name, values)]));
}

test.skipIf(python === null).each(networks)(
  "PyTorch computes our logits from our graph and weights: %s",
  async (_, notation) => {
    using folder = scratch();
    const graph = buildGraph(parseArch(notation));
    const weights = trainedLike(notation);
    const [weightsFile, savedFile, requestFile] = ["weights", "saved", "request"].map((name) => join(folder.dir, name));
    saveCheckpoint(weightsFile!, graph, { notation, weights });
    const [height, width, channels] = graph.input.shape;
    const rng = createRng("images");
    const images = Array.from({ length: 2 }, () =>
      Array.from({ length: height }, () =>
        Array.from({ length: width }, () => Array.from({ length: channels }, () => rng.normal())),
      ),
    );
    writeFileSync(requestFile!, JSON.stringify({ graph: graphJson(graph), weightsFile, savedFile, images }));
    const theirs = JSON.parse(execFileSync(python!, [trainer, "--logits", requestFile!], { encoding: "utf8" })) as {
      params: number;
      logits: number[][];
    };
    expect(theirs.params).toBe(costsOf(graph).params);
    expect(readWeights(savedFile!, graph)).toEqual(weights);

    const sgd = { kind: "sgd", momentum: 0, nesterov: false } as const;
    const plain = { batch: 2, optimizer: sgd, weightDecay: 0, labelSmoothing: 0, emaDecay: null, seed: 0 };
    const engine = await createEngine(graph, plain);
    engine.setWeights(weights);
    engine.images.set(images.flat(3));
    const ours = [...engine.evaluate()];
    const largest = Math.max(1, ...ours.map(Math.abs));
    theirs.logits.flat().forEach((value, i) => expect(Math.abs(value - ours[i]!) / largest).toBeLessThan(1e-4));
  },
);

test.skipIf(python === null)("a search with the PyTorch trainer ends in models that are checked", async () => {
  using folder = scratch();
  writeFileSync(
    join(folder.dir, "mnas.config.ts"),
    `const oneOf = (tag, choices) => ({ kind: "oneOf", tag, choices });
    export default {
      evaluate: { command: ${JSON.stringify([python, trainer])} }, device: "madds", trials: 2, batch: 2, workers: 1,
      finalists: 1, target: 0.05, proxy: { epochs: 0.1, batch: 32 }, final: { epochs: 0.1, batch: 32 },
      space: { name: "toy", decisions: [], template: {
        stem: { kernel: 3, stride: 2, filters: 8 },
        blocks: [{ op: "mbconv3", kernel: oneOf("kernel", [3, 5]), stride: 2, filters: 8, layers: 1, seRatio: 0.25, skip: "pool" }],
        head: { filters: 0 }, dropout: 0 } },
    };`,
  );
  const { code, stdout, stderr } = await mnas(["search", "--json", "--out", "run"], folder.dir);
  expect([code, stderr]).toEqual([0, ""]);
  const done = JSON.parse(stdout.trimEnd().split("\n").at(-1)!) as {
    finals: { isReference: boolean; model: string | null; testAccuracy: number }[];
  };
  const finalist = done.finals.find(({ isReference }) => !isReference)!;
  expect(finalist.testAccuracy).toBeGreaterThan(0);
  expect(readFileSync(join(folder.dir, "run", finalist.model!)).length).toBeGreaterThan(1000);
});
