/*
 * How much faster several threads train one network than one thread: `node bench/parallel.ts [WORKERS] [PAIRS]`. MnasNet-A1
 * at 96 px, 64 images a step. Windows of both alternate, so that what else the machine does slows both alike; the ratio
 * is the median of the pairs.
 */
import { zooArch } from "../src/arch/zoo.ts";
import { changed } from "../src/config/config.ts";
import type { Dataset } from "../src/data/dataset.ts";
import type { Images } from "../src/data/images.ts";
import { heldImages } from "../src/data/source.ts";
import { formatArch } from "../src/space/notation.ts";
import { recipes } from "../src/train/presets.ts";
import type { Progress } from "../src/train/trainer.ts";
import { createRng } from "../src/util/rng.ts";
import { trainInParallel } from "../src/train/parallel.ts";

const [workers = 2, pairs = 9] = process.argv.slice(2).map(Number);
const side = 96;
const batch = 64;
const stepsPerWindow = 4;

const rng = createRng("bench");
const noise = (count: number): Images => ({
  count,
  height: side,
  width: side,
  channels: 3,
  pixels: Uint8Array.from({ length: count * side * side * 3 }, () => rng.int(256)),
  labels: Int32Array.from({ length: count }, (_, i) => i % 10),
});
const part = heldImages(noise(4 * batch));
const dataset: Dataset = {
  name: "noise",
  source: "noise",
  classes: Array.from({ length: 10 }, (_, i) => String(i)),
  train: part,
  validation: part,
  test: part,
  mean: [0.5, 0.5, 0.5],
  deviation: [0.3, 0.3, 0.3],
  canFlip: true,
  key: "noise",
  warnings: [],
};
const notation = formatArch(zooArch("mnasnet-a1", { task: { height: side, width: side, classes: 10 } }));
const recipe = changed(recipes.mnasnet, { batch, epochs: 1e6 });

const start = (count: number): AsyncGenerator<Progress> =>
  trainInParallel({ notation, dataset, recipe, seed: "bench" }, { workers: count });

/** Images per second over some steps, and how long a processor worked for each, in ms. */
async function measure(training: AsyncGenerator<Progress>): Promise<{ speed: number; cost: number }> {
  const from = performance.now();
  const used = process.cpuUsage();
  for (let i = 0; i < stepsPerWindow; i++) await training.next();
  const images = stepsPerWindow * batch;
  const { user, system } = process.cpuUsage(used);
  return { speed: (1000 * images) / (performance.now() - from), cost: (user + system) / 1000 / images };
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

const [alone, together] = [start(1), start(workers)];
await measure(alone);
await measure(together);
const ratios: number[] = [];
const costs: number[] = [];
for (let i = 0; i < pairs; i++) {
  // The order changes, since a machine that gets slower would favour the first.
  const first = await measure(i % 2 === 0 ? alone : together);
  const second = await measure(i % 2 === 0 ? together : alone);
  const [one, all] = i % 2 === 0 ? [first, second] : [second, first];
  ratios.push(all.speed / one.speed);
  costs.push(all.cost / one.cost);
  console.log(
    `${one.speed.toFixed(1)} images/s alone, ${all.speed.toFixed(1)} with ${workers} threads: ×${ratios[i]!.toFixed(2)}; ` +
      `${one.cost.toFixed(2)} and ${all.cost.toFixed(2)} ms of a processor an image`,
  );
}
console.log(`median: ×${median(ratios).toFixed(2)} as fast, ×${median(costs).toFixed(2)} the work`);
process.exit();
