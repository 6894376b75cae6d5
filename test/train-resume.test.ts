import { once } from "node:events";
import { existsSync, readFileSync, readdirSync, watch } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { openQuietLock } from "../src/util/quiet.ts";
import { buildGraph } from "../src/arch/build.ts";
import { changed } from "../src/config/config.ts";
import { loadDataset } from "../src/data/dataset.ts";
import { initWeights } from "../src/graph/weights.ts";
import { parseArch } from "../src/space/notation.ts";
import { loadBeginning, saveCheckpoint } from "../src/train/checkpoint.ts";
import { recipes } from "../src/train/presets.ts";
import { readTensors } from "../src/train/safetensors.ts";
import { hashWeights, loadState, saveState, type TrainIdentity } from "../src/train/state.ts";
import { alone, type Team } from "../src/train/team.ts";
import { train, type Progress } from "../src/train/trainer.ts";
import { createRng } from "../src/util/rng.ts";
import { trainInParallel } from "../src/train/parallel.ts";
import { finish } from "./finish.ts";
import { mnas, scratch, start } from "./mnas.ts";
import { smallDisk } from "./small-disk.ts";

const notation = "in28x28x1 stem8_k3_s22 r2_k3_s22_e3_i8_o16_se0.25 head24 drop0.2 classes10";
const graph = buildGraph(parseArch(notation));

const identity: TrainIdentity = {
  network: notation,
  data: "key",
  seed: "a",
  workers: 1,
  init: null,
  recipe: recipes.mnasnet,
};

test.each([
  ["RMSProp with a moving average", changed(recipes.mnasnet, { epochs: 0.2, batch: 64, warmupEpochs: 0 })],
  ["momentum", changed(recipes.proxy, { epochs: 0.2, batch: 64 })],
])("a training with %s goes on from its state to the same bits", async (_, recipe) => {
  using folder = scratch();
  const dataset = await loadDataset(undefined, { seed: 1 });
  const order = { notation, dataset, recipe, seed: "a" };
  const file = join(folder.dir, "state");
  for (const workers of [1, 2]) {
    const whole = await finish(trainInParallel(order, { workers }));
    const first = trainInParallel(order, { workers });
    for (let i = 0; i < 7; i++) {
      const { done, value } = await first.next();
      if (done !== true && i === 6) saveState(file, graph, value.state()!, identity);
    }
    await first.return(whole);
    const resume = loadState(file, graph, identity);
    expect(resume.steps).toBe(7);
    const rest = await finish(trainInParallel({ ...order, resume }, { workers }));
    expect(rest.weights).toEqual(whole.weights);
    expect(rest.accuracy).toBe(whole.accuracy);
  }
});

test("a training that fails within a step has no state, and one that is stopped between two has", async () => {
  const dataset = await loadDataset(undefined, { seed: 1 });
  let calls = 0;
  const team: Team = {
    ...alone,
    combine: (arrays, figures) => (++calls === 3 ? Promise.reject(new Error("lost")) : alone.combine(arrays, figures)),
  };
  const stop = new AbortController();
  const failing = { team };
  const stopped = { signal: stop.signal };
  for (const more of [failing, stopped]) {
    const training = train({ graph, dataset, seed: "a", recipe: recipes.proxy, ...more });
    await training.next();
    const { value } = await training.next();
    if (more === stopped) stop.abort(new Error("stopped"));
    await expect(training.next()).rejects.toThrow(more === stopped ? "stopped" : "lost");
    expect((value as Progress).state()?.steps).toBe(more === stopped ? 2 : undefined);
  }
});

test("a state names its arrays and its step as safetensors, and is not taken for another training's", () => {
  using folder = scratch();
  const file = join(folder.dir, "state");
  const sections = new Map(["weights", "velocity"].map((name, i) => [name, initWeights(graph, createRng(i))]));
  saveState(file, graph, { steps: 12, sections }, identity);
  expect(loadState(file, graph, identity)).toEqual({ steps: 12, sections });
  const { arrays, metadata } = readTensors(file);
  expect(metadata).toMatchObject({ format: "mnas-training", step: "12" });
  expect(arrays.get("velocity/stem.weight")!.shape).toEqual([3, 3, 1, 8]);

  const other = { ...identity, workers: 4, recipe: { ...identity.recipe, batch: 7 } };
  expect(() => loadState(file, graph, other)).toThrow("with other settings: workers: 1 → 4; recipe.batch: 128 → 7");
  saveCheckpoint(file, graph, { notation, weights: sections.get("weights")! });
  expect(() => loadState(file, graph, identity)).toThrow("it holds no training");
});

test("weights to begin with fit a network of other classes but for its classifier", () => {
  using folder = scratch();
  const file = join(folder.dir, "w.safetensors");
  const weights = initWeights(graph, createRng(1));
  saveCheckpoint(file, graph, { notation, weights });
  expect(loadBeginning(file, graph)).toEqual({ weights, isClassifierFresh: false });
  const of = (change: [string, string]) => buildGraph(parseArch(notation.replace(...change)));
  const { weights: some, isClassifierFresh } = loadBeginning(file, of(["classes10", "classes3"]));
  expect(isClassifierFresh).toBe(true);
  expect([...weights.keys()].filter((name) => !some.has(name))).toEqual(["logits.weight", "logits.bias"]);
  expect(loadBeginning(file, of(["28x28", "20x24"])).isClassifierFresh).toBe(false);
  expect(() => loadBeginning(file, of(["stem8_k3", "stem8_k5"]))).toThrow('"stem.weight" differs');
  expect(() => loadBeginning(file, of(["r2_", "r1_"]))).toThrow('"blocks.0.1.expand.weight" differs');
  expect(hashWeights(some)).not.toBe(hashWeights(weights));
  weights.get("stem.weight")![3] = NaN;
  saveCheckpoint(file, graph, { notation, weights });
  expect(() => loadBeginning(file, graph)).toThrow('"stem.weight" holds what is no finite number');
});

test("training begins with the weights that it is given", async () => {
  const dataset = await loadDataset(undefined, { seed: 1 });
  const init = initWeights(graph, createRng("mine"));
  const options = { graph, dataset, seed: "a", recipe: changed(recipes.proxy, { epochs: 0.02, learningRate: 1e-30 }) };
  const { weights } = await finish(train({ ...options, init: new Map([...init].slice(0, 1)) }));
  const fresh = (await finish(train(options))).weights;
  expect(weights.get("stem.weight")).toEqual(init.get("stem.weight"));
  expect(weights.get("logits.weight")).toEqual(fresh.get("logits.weight"));
});

const command = [
  "train",
  notation,
  "--recipe",
  "mnasnet",
  "--epochs",
  "15",
  "--workers",
  "2",
  "--out",
  "w.safetensors",
];

test("a training that is killed and resumed ends in the same weights; other settings are refused", async () => {
  using whole = scratch();
  using killed = scratch();
  expect(await mnas(command, whole.dir)).toMatchObject({ code: 0 });

  const { child, ended } = start(command, killed.dir);
  onTestFinished(() => void child.kill("SIGKILL"));
  const watcher = watch(killed.dir);
  const state = join(killed.dir, "w.safetensors.state");
  // A training that ends first is one whose state was never seen, and fails below.
  let isOver = false;
  void ended.then(() => (isOver = true));
  while (!existsSync(state) && !isOver) await Promise.race([once(watcher, "change"), ended]);
  watcher.close();
  // It stands still so that it cannot end first.
  child.kill("SIGSTOP");
  for (const also of ["--resume", "--force"]) {
    const second = await mnas([...command, also], killed.dir);
    expect(second).toMatchObject({
      code: 4,
      stderr: expect.stringContaining(`process ${child.pid} is training to it`),
    });
  }
  child.kill("SIGKILL");
  await ended;
  expect(existsSync(join(killed.dir, "w.safetensors"))).toBe(false);

  expect(await mnas(command, killed.dir)).toMatchObject({ code: 2, stderr: expect.stringContaining("Use --resume") });
  const other = await mnas([...command, "--resume", "--workers", "1"], killed.dir);
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("workers: 2 → 1") });
  const { stderr } = await mnas([...command, "--resume", "--batch", "64"], killed.dir);
  expect(stderr).toContain("recipe.batch: 128 → 64; recipe.learningRate: 0.008 → 0.004");

  expect(await mnas([...command, "--resume"], killed.dir)).toMatchObject({ code: 0 });
  const weights = (dir: string): Buffer => readFileSync(join(dir, "w.safetensors"));
  expect(weights(killed.dir).equals(weights(whole.dir))).toBe(true);
  expect(readdirSync(killed.dir)).toEqual(["w.safetensors"]);
  const over = await mnas([...command, "--resume"], killed.dir);
  expect(over).toMatchObject({ code: 3, stderr: expect.stringContaining('The training of "w.safetensors" has ended') });
});

test("train --init says when the classifier is fresh, and --resume what it needs", async () => {
  using folder = scratch();
  const three = notation.replace("classes10", "classes3");
  const other = buildGraph(parseArch(three));
  saveCheckpoint(join(folder.dir, "three"), other, { notation: three, weights: initWeights(other, createRng(1)) });
  const short = ["train", notation, "--recipe", "proxy", "--epochs", "0.1", "--init", "three"];
  const { code, stderr } = await mnas(short, folder.dir);
  expect([code, stderr]).toEqual([0, expect.stringContaining("from three, with a fresh classifier")]);
  expect(await mnas([...short, "--resume"], folder.dir)).toMatchObject({ code: 2 });
  expect(await mnas([...short, "--resume", "--out", "w"], folder.dir)).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('there is no "w.state"'),
  });
});

test.skipIf(process.platform === "win32")("an interrupted training keeps its state and says how to go on", async () => {
  using folder = scratch();
  const { child, ended } = start([...command, "--epochs", "50"], folder.dir);
  // The first line of an epoch: steps have been made.
  let isStopped = false;
  child.stderr!.on("data", (text) => {
    if (!isStopped && String(text).includes("epoch 1 ")) isStopped = child.kill("SIGINT");
  });
  const { code, stderr } = await ended;
  expect(code).toBe(130);
  expect(stderr).toMatch(/interrupted after step \d+ of \d+\n.*--resume/);
  expect(readdirSync(folder.dir)).toEqual(["w.safetensors.state"]);
});

test.skipIf(process.platform === "win32")(
  "a training that waits for a measurement says so, and ends at Ctrl-C",
  async () => {
    using folder = scratch();
    using lock = openQuietLock(join(folder.dir, `mnas-quiet-${process.getuid!()}.db`));
    await lock.exclusive(async () => {
      const { child, ended } = start(command, folder.dir, { TMPDIR: folder.dir });
      child.stderr!.on("data", (text) => void (String(text).includes("waiting") && child.kill("SIGINT")));
      expect(await ended).toMatchObject({
        code: 130,
        stderr: expect.stringContaining("Training interrupted after step 1 of"),
      });
    });
  },
);

const disk = smallDisk();
afterAll(() => disk?.[Symbol.dispose]());

test.skipIf(disk === null)(
  "a training ends when its state cannot be written, and leaves no thread behind",
  async () => {
    const room = disk!;
    room.fill(8192);
    const { code, stderr } = await mnas([...command, "--epochs", "50"], room.dir);
    expect([code, stderr]).toEqual([4, expect.stringContaining("no space left on the disk")]);
  },
);
