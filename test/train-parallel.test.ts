import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { buildGraph } from "../src/arch/build.ts";
import { changed } from "../src/config/config.ts";
import { epochOrder, fillBatch } from "../src/data/batches.ts";
import { loadDataset } from "../src/data/dataset.ts";
import { indexFiles } from "../src/data/file-index.ts";
import { select, storedImages, type ImageSource } from "../src/data/source.ts";
import { createEngine } from "../src/engine/engine.ts";
import { parseArch } from "../src/space/notation.ts";
import { createFeed } from "../src/train/feed.ts";
import { recipes } from "../src/train/presets.ts";
import { planFor, workersFor, type Recipe } from "../src/train/recipe.ts";
import { alone, createTeamMemory, joinTeam, type Team } from "../src/train/team.ts";
import { Diverged, predictions, train, type Progress } from "../src/train/trainer.ts";
import { createRng } from "../src/util/rng.ts";
import { shareArrays } from "../src/util/share.ts";
import { trainInParallel } from "../src/train/parallel.ts";
import { loadInMemory, pictures } from "./data-files.ts";
import { finish } from "./finish.ts";
import { scratch } from "./mnas.ts";

const notation = "in28x28x1 stem8_k3_s22 r2_k3_s22_e3_i8_o16_se0.25 head24 drop0.2 classes10";
const graph = buildGraph(parseArch(notation));

/** All that can differ: RMSProp, moving average, random crops, dropout. */
const recipe: Recipe = changed(recipes.mnasnet, { epochs: 0.2, batch: 45, warmupEpochs: 0, learningRate: 0.01 });

/** A team in one thread, the obvious way. */
function plainTeam(size: number): Team[] {
  const arrived: { arrays: readonly Float32Array[]; figures: readonly number[]; go: (sums: number[]) => void }[] = [];
  const all = (): void => {
    const [first] = arrived;
    first!.arrays.forEach((array, k) => {
      for (let i = 0; i < array.length; i++) {
        let sum = 0;
        for (const one of arrived) sum += one.arrays[k]![i]!;
        for (const one of arrived) one.arrays[k]![i] = sum / size;
      }
    });
    const sums = first!.figures.map((_, k) => arrived.reduce((sum, one) => sum + one.figures[k]!, 0));
    for (const { go } of arrived.splice(0)) go(sums);
  };
  return Array.from({ length: size }, (_, rank) => ({
    rank,
    size,
    combine: (arrays, figures) =>
      new Promise((go) => {
        arrived[rank] = { arrays, figures, go };
        if (Object.keys(arrived).length === size) all();
      }),
  }));
}

test.each([2, 3])("%i threads train as so many engines that average what they share", async (workers) => {
  const dataset = await loadDataset(undefined, { seed: 1 });
  const order = { notation, dataset, recipe, seed: "a", withTest: true };
  const threads = await finish(trainInParallel(order, { workers }));
  const [plain, ...others] = await Promise.all(
    plainTeam(workers).map((team) => finish(train({ ...order, graph, team }))),
  );
  expect(threads.weights).toEqual(plain!.weights);
  // Each has the same state, running statistics too, though each saw other images.
  for (const other of others) expect(other.weights).toEqual(plain!.weights);
  expect([threads.accuracy, threads.testAccuracy]).toEqual([plain!.accuracy, plain!.testAccuracy]);
});

test("each thread crops and drops in its own way", async () => {
  const dataset = await loadDataset(undefined, { seed: 1 });
  // All images are the same one, so that threads can differ by crops and dropout alone.
  const same = { ...dataset, train: select(dataset.train, new Uint32Array(63)) };
  const differentLosses = async (augment: Recipe["augment"], network: string) => {
    const options = { graph: buildGraph(parseArch(network)), dataset: same, seed: "a" };
    const firstSteps = [0, 1, 2].map((rank) => {
      const team: Team = { ...alone, rank, size: 3 };
      return train({ ...options, recipe: changed(recipes.proxy, { augment }), team }).next();
    });
    return new Set((await Promise.all(firstSteps)).map(({ value }) => (value as Progress).loss)).size;
  };
  const whole = notation.replace("drop0.2 ", "");
  expect(await differentLosses("none", whole)).toBe(1);
  expect(await differentLosses("none", notation)).toBe(3);
  expect(await differentLosses("crop", whole)).toBe(3);
  expect(await differentLosses("resized-crop", whole)).toBe(3);
});

test("the result does not depend on who is late", async () => {
  const dataset = await loadDataset(undefined, { seed: 1 });
  const order = { notation, dataset, recipe, seed: "a" };
  const prompt = await finish(trainInParallel(order, { workers: 2 }));
  const rng = createRng("late");
  const late = await finish(
    trainInParallel(order, {
      workers: 2,
      hold: (step) => {
        rng.shuffle(new Uint8Array(rng.int(200_000)));
        return step();
      },
    }),
  );
  expect(late.weights).toEqual(prompt.weights);
});

test("one worker trains as train() does", async () => {
  const dataset = await loadDataset(undefined, { seed: 1 });
  const order = { notation, dataset, recipe, seed: "a" };
  const one = await finish(trainInParallel(order, { workers: 1 }));
  expect(one.weights).toEqual((await finish(train({ ...order, graph }))).weights);
});

test("accuracy counts every image once, the last, partial batch too", async () => {
  const dataset = await loadInMemory(undefined, { seed: 1 });
  const order = { notation, recipe, seed: "a" };
  const { accuracy, weights } = await finish(trainInParallel({ ...order, dataset }, { workers: 2 }));
  const { optimizer, weightDecay, labelSmoothing } = recipe;
  const engine = await createEngine(graph, {
    batch: 1,
    optimizer,
    weightDecay,
    labelSmoothing,
    emaDecay: null,
    seed: 0,
  });
  engine.setWeights(weights);
  const { validation } = dataset;
  const all = Array.from({ length: validation.count }, (_, i) => i);
  const isRight = all.map((i) => {
    fillBatch(dataset, validation, Uint32Array.of(i), 0, engine);
    return predictions(engine.evaluate(), 10, 1)[0] === validation.labels[i];
  });
  const right = all.filter((i) => isRight[i]);
  expect(accuracy).toBe(right.length / validation.count);
  // The same network once more, on the images it gets right at the end: there a partial batch left out is missed.
  const wrong = all.filter((i) => !isRight[i]);
  const partial = validation.count % 22;
  expect(partial).toBeGreaterThan(0);
  expect(Math.min(right.length, wrong.length)).toBeGreaterThan(partial);
  const sorted = select(validation, Uint32Array.from([...wrong, ...right]));
  const again = await finish(
    trainInParallel({ ...order, dataset: { ...dataset, validation: sorted } }, { workers: 2 }),
  );
  expect(again.accuracy).toBe(accuracy);
});

test("all threads stop when the loss is no number", async () => {
  const dataset = await loadDataset(undefined, { seed: 1 });
  const wild: Recipe = { ...recipes.proxy, learningRate: 1e30, warmupEpochs: 0 };
  const training = finish(trainInParallel({ notation, dataset, recipe: wild, seed: "a" }, { workers: 2 }));
  await expect(training).rejects.toThrow(Diverged);
});

test("a thread that cannot go on ends the training with its reason", async () => {
  using folder = scratch();
  await pictures(folder.dir, 4);
  const names = ["cat", "dog"].map((name) => ({
    dir: join(folder.dir, name),
    names: readdirSync(join(folder.dir, name)).toSorted(),
  }));
  const part = storedImages(indexFiles(names), { side: 28, channels: 1 });
  const data = { classes: ["cat", "dog"], train: part, validation: part, test: part, mean: [0.5], deviation: [0.5] };
  const dataset = { ...data, name: "", source: "", key: "", canFlip: true, warnings: [] };
  // The second thread has the later half of each batch.
  const lost = epochOrder(8, createRng("a").fork("order/0")).subarray(4);
  for (const i of lost) rmSync(join(names[i >> 2]!.dir, names[i >> 2]!.names[i & 3]!));
  const order = { notation: notation.replace("classes10", "classes2"), dataset, recipe, seed: "a" };
  const training = trainInParallel(order, { workers: 2 }).next();
  await expect(training).rejects.toMatchObject({ code: "DATA_INVALID", message: expect.stringContaining(folder.dir) });
});

test("the shares of the threads are together the batches of one", async () => {
  const dataset = await loadDataset(undefined, { seed: 1 });
  const proxy = changed(recipes.proxy, { batch: 60 });
  const read = async (workers: number, rank: number, steps: number[]) => {
    const plan = planFor(proxy, dataset, workers);
    const feed = createFeed({ dataset, plan, rng: createRng("a"), rank });
    const size = plan.batch / workers;
    const out = { images: new Float32Array(size * 784), labels: new Int32Array(size) };
    const batches: string[] = [];
    for (const step of steps) {
      await feed.train(step, out);
      batches.push(out.images.join());
    }
    let judged = 0;
    for await (const count of feed.judge("validation", out)) judged += count;
    return { batches, judged };
  };
  const steps = [114, 115, 116, 117];
  const whole = await read(1, 0, steps);
  const shares = await Promise.all([0, 1, 2].map((rank) => read(3, rank, steps)));
  steps.forEach((_, i) => expect(shares.map(({ batches }) => batches[i]).join() === whole.batches[i]).toBe(true));
  // The order of the second epoch is another.
  expect(new Set(whole.batches).size).toBe(4);
  expect([whole.judged, shares.reduce((sum, { judged }) => sum + judged, 0)]).toEqual([1000, 1000]);
});

test("batches are shared equally, and threads have some images each", () => {
  const data = { train: { count: 1000, channels: 3 } as ImageSource };
  const of = (batch: number, workers: number) => {
    const plan = planFor(changed(recipes.proxy, { batch }), data, workers);
    return [plan.batch, plan.workers];
  };
  expect([of(64, 2), of(64, 3), of(5, 8), of(2000, 3)]).toEqual([
    [64, 2],
    [63, 3],
    [5, 5],
    [999, 3],
  ]);
  expect([1, 31, 32, 64, 128].map((batch) => workersFor({ ...recipes.proxy, batch }, data, 4))).toEqual([
    1, 1, 2, 4, 4,
  ]);
});

test("combine() gives the mean in the order of ranks, whoever comes first", async () => {
  const values = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 3, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(fc.array(values, { minLength: 2, maxLength: 4 }), fc.boolean(), async (brought, isReversed) => {
      const memory = createTeamMemory(brought.length, 3);
      const ranks = isReversed ? [...brought.keys()].toReversed() : [...brought.keys()];
      const results = await Promise.all(
        ranks.map(async (rank) => {
          const arrays = [Float32Array.from(brought[rank]!.slice(0, 1)), Float32Array.from(brought[rank]!.slice(1))];
          const sums = await joinTeam(memory, rank).combine(arrays, [rank, 1]);
          return { sums, got: arrays.flatMap((array) => [...array]) };
        }),
      );
      const means = Float32Array.from({ length: 3 }, (_, i) => {
        return brought.reduce((sum, one) => sum + one[i]!, 0) / brought.length;
      });
      const n = brought.length;
      for (const { sums, got } of results) {
        expect(got).toEqual([...means]);
        expect(sums).toEqual([(n * (n - 1)) / 2, n]);
      }
    }),
    { numRuns: 10 },
  );
});

test("combine() does not wait for a thread that has ended", async () => {
  const broken = new AbortController();
  const waiting = joinTeam(createTeamMemory(2, 1), 0, broken.signal).combine([], [1]);
  broken.abort(new Error("it ended"));
  await expect(waiting).rejects.toThrow("it ended");
});

test("shareArrays() copies plain data with their arrays in shared memory, each once", () => {
  const labels = Int32Array.of(3, -1);
  const data = {
    name: "a",
    part: { labels, mean: [0.5, 1] },
    none: null,
    other: [{ labels }],
    bytes: Buffer.from("b"),
  };
  const shared = shareArrays(data);
  expect(shared).toEqual({ ...data, bytes: Uint8Array.of(98) });
  expect(shared.part.labels.buffer).toBeInstanceOf(SharedArrayBuffer);
  expect(shared.other[0]!.labels).toBe(shared.part.labels);
});
