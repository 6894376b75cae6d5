/*
 * Whether training here and in PyTorch ends at the same accuracy: one network, one recipe, the same first weights.
 *
 *   node bench/train/accuracy.ts FOLDER [EPOCHS] [SEEDS]
 *
 * FOLDER is data as `mnas train --data` takes them, at 32 px if they are images. A seed decides the order of the images.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { resolveConfig } from "../../src/config/config.ts";
import { hasIdx } from "../../src/data/idx.ts";
import { listFolder } from "../../src/data/listing.ts";
import { loadImages, type ImageSource } from "../../src/data/source.ts";
import { initWeights } from "../../src/graph/weights.ts";
import { parseArch } from "../../src/space/notation.ts";
import { networkOf } from "../../src/arch/network.ts";
import { taskOf } from "../../src/data/task.ts";
import { loadStudyData } from "../../src/study/run-data.ts";
import { learningRateAt, planFor } from "../../src/train/recipe.ts";
import { train } from "../../src/train/trainer.ts";
import { createRng } from "../../src/util/rng.ts";
import { networks } from "./networks.ts";
import { describeGraph, writeWeights } from "./problem.ts";
import { findPython } from "../python.ts";
import { quiet } from "./team.ts";

const [data = "fashion-mnist", epochs = "15", seeds = "1"] = process.argv.slice(2);
const hasSize = data === "fashion-mnist" || hasIdx(listFolder(data));
const final = { epochs: Number(epochs), augment: "none" } as const;
const config = resolveConfig({ data, size: hasSize ? null : 32, final }, "the arguments");
const dataset = await loadStudyData(config);
const { graph, costs } = networkOf({ ...parseArch(networks[0]!.notation), task: taskOf(dataset) });
const plan = planFor(config.final, dataset);
const python = findPython("pytorch");
const folder = mkdtempSync(join(tmpdir(), "mnas-accuracy-"));

async function writePart(name: string, source: ImageSource): Promise<void> {
  const { pixels, labels } = await loadImages(source, Uint32Array.from(source.labels.keys()));
  writeFileSync(join(folder, `${name}.u8`), pixels);
  writeFileSync(join(folder, `${name}.i32`), labels);
}

async function ours(seed: string): Promise<number> {
  const training = train({ graph, dataset, recipe: config.final, seed, withTest: true });
  for (;;) {
    const { done, value } = await training.next();
    if (done === true) return value.testAccuracy!;
  }
}

async function pytorch(seed: number): Promise<number> {
  const script = fileURLToPath(new URL("accuracy.py", import.meta.url));
  const env = { ...process.env, ...quiet };
  const child = spawn(python.program, [script, folder, String(seed)], { env, stdio: ["ignore", "pipe", "inherit"] });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  if (code !== 0) throw new Error(`Cannot train in PyTorch: it ended with ${code}`);
  return (JSON.parse(output) as { testAccuracy: number }).testAccuracy;
}

try {
  console.log(`${data}: ${dataset.train.count} training and ${dataset.test.count} test images`);
  console.log(`${networks[0]!.name}, ${costs.params} parameters, ${epochs} epochs, PyTorch ${python.version}`);
  const { mean, deviation } = dataset;
  const problem = { recipe: plan, mean, deviation, ...describeGraph(graph) };
  writeFileSync(join(folder, "problem.json"), JSON.stringify(problem));
  await writePart("train", dataset.train);
  await writePart("test", dataset.test);
  writeFileSync(
    join(folder, "rates.f32"),
    Float32Array.from({ length: plan.steps }, (_, i) => learningRateAt(i, plan)),
  );
  for (let seed = 0; seed < Number(seeds); seed++) {
    // The trainer's own first weights for this seed.
    writeWeights(folder, initWeights(graph, createRng(`accuracy/${seed}`).fork("init")));
    const [own, other] = await Promise.all([ours(`accuracy/${seed}`), pytorch(seed)]);
    const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;
    console.log(`seed ${seed}: ours ${percent(own)}, PyTorch ${percent(other)} of the test images`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
