import { buildGraph } from "../../src/arch/build.ts";
import { loadDataset, type Dataset } from "../../src/data/dataset.ts";
import { upTo } from "../../src/data/images.ts";
import { select } from "../../src/data/source.ts";
import type { Weights } from "../../src/graph/weights.ts";
import { parseArch } from "../../src/space/notation.ts";
import { recipes } from "../../src/train/presets.ts";
import type { Recipe } from "../../src/train/recipe.ts";
import { train } from "../../src/train/trainer.ts";
import { finish } from "../finish.ts";
import { startEngine } from "../start-engine.ts";
import { hashOf, type Golden } from "./golden.ts";
import { everyOp } from "./programs.ts";

const steps = 20;

const hashOfWeights = (weights: Weights): string =>
  hashOf(
    ...[...weights].flatMap(([name, { buffer, byteOffset, byteLength }]) => [
      name,
      new Uint8Array(buffer, byteOffset, byteLength),
    ]),
  );

/** Trains on the first of the embedded images for 20 steps; the accuracies are part of the text. */
async function trained(notation: string, recipe: Recipe): Promise<string> {
  const all = await loadDataset(undefined, { seed: 0 });
  const first = (part: "train" | "validation", count: number): Dataset["train"] => select(all[part], upTo(count));
  const dataset = { ...all, train: first("train", 32 * steps), validation: first("validation", 100) };
  const graph = buildGraph(parseArch(notation));
  const brief = { ...recipe, batch: 32, epochs: 1, warmupEpochs: 0.25, minSteps: 0 };
  const { weights, accuracy } = await finish(train({ graph, dataset, recipe: brief, seed: "golden" }));
  return `${accuracy}, ${hashOfWeights(weights)}`;
}

const withDropout =
  "in28x28x1 stem8_k3_s22 r2_k3_s22_e3_i8_o16_se0.25 r1_k5_s11_e6_i16_o24_hswish head32 drop0.2 classes10";
const plain = "in28x28x1 stem8_k3_s22 r1_k3_s11_e1_i8_o8_noskip r1_k5_s22_e3_i8_o16_pool head0 classes10";

/** Weights after 20 steps: each optimizer, each kind of augmentation, dropout, averaged weights. */
export const weights: Golden = async () => {
  const { engine } = await startEngine(buildGraph(parseArch(everyOp)), 3, {
    batch: 16,
    optimizer: { kind: "rmsprop", decay: 0.9, momentum: 0.9, epsilon: 0.001 },
    weightDecay: 1e-5,
    emaDecay: 0.99,
    batchNormMomentum: 0.9,
  });
  for (let step = 0; step < steps; step++) engine.step(0.01);
  return {
    "SGD with Nesterov, as the proxy recipe": await trained(plain, recipes.proxy),
    "SGD with crops, smoothing and averaged weights, as the small recipe": await trained(plain, {
      ...recipes.small,
      augment: "crop",
    }),
    "RMSProp with resized crops, dropout and averaged weights, as the recipe of the paper": await trained(withDropout, {
      ...recipes.mnasnet,
      learningRate: 0.01,
    }),
    "every op, RMSProp": hashOfWeights(engine.weights()),
  };
};
