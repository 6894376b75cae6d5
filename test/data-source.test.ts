import { execFile } from "node:child_process";
import { appendFileSync, readdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import * as fc from "fast-check";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildGraph } from "../src/arch/build.ts";
import { changed } from "../src/config/config.ts";
import type { AugmentationName } from "../src/data/augment.ts";
import { fillBatch } from "../src/data/batches.ts";
import { loadDataset, type Dataset } from "../src/data/dataset.ts";
import { onDamage } from "../src/data/damage.ts";
import { decodeFiles } from "../src/data/decode.ts";
import { indexFiles, nameOf, pathOf, pathsOf } from "../src/data/file-index.ts";
import { partNames, type Images } from "../src/data/images.ts";
import { heldImages, isInMemory, largerOf, loadImages, storedImages, type StoredImages } from "../src/data/source.ts";
import { sampleOf } from "../src/data/statistics.ts";
import { parseArch } from "../src/space/notation.ts";
import { createFeed } from "../src/train/feed.ts";
import { finalRecipe } from "../src/train/presets.ts";
import { planFor } from "../src/train/recipe.ts";
import { train, type Trained } from "../src/train/trainer.ts";
import { createRng } from "../src/util/rng.ts";
import { trainInParallel } from "../src/train/parallel.ts";
import { sourceConformance } from "./contract/source.ts";
import { loadInMemory, pictures, put, times } from "./data-files.ts";
import { scratch } from "./mnas.ts";

let folder: ReturnType<typeof scratch>;
let stored: StoredImages;
let expected: Images;

/** Noise, so that every step of decoding shows in the pixels. */
async function noisy(dir: string, name: string, seed: number): Promise<void> {
  const rng = createRng(seed);
  const [width, height] = [40 + rng.int(20), 30 + rng.int(20)];
  const pixels = Buffer.from(times(width * height * 3, () => rng.int(256)));
  const image = sharp(pixels, { raw: { width, height, channels: 3 } });
  put(dir, name, await (name.endsWith("png") ? image.png() : image.jpeg()).toBuffer());
}

beforeAll(async () => {
  folder = scratch();
  const classes = [
    { dir: join(folder.dir, "ä"), names: ["0.jpg", "1 é.png", "2.jpg"] },
    { dir: join(folder.dir, "b"), names: ["0.png", "日本.jpg"] },
  ];
  let seed = 0;
  for (const { dir, names } of classes) for (const name of names) await noisy(dir, name, seed++);
  const files = indexFiles(classes);
  stored = storedImages(files, { side: 16, channels: 3 });
  const pixels = new Uint8Array(5 * 16 * 16 * 3);
  expect(await decodeFiles(pathsOf(files), { side: 16, channels: 3 }, 2, pixels)).toEqual([]);
  expected = { count: 5, height: 16, width: 16, channels: 3, pixels, labels: Int32Array.of(0, 0, 0, 1, 1) };
});
afterAll(() => folder[Symbol.dispose]());

sourceConformance("images in memory", () => Promise.resolve({ source: heldImages(expected), expected }));
sourceConformance("images in memory with files", () =>
  Promise.resolve({ source: heldImages(expected, stored.files), expected }),
);
sourceConformance("images on the disk", () => Promise.resolve({ source: stored, expected }));

test("an index gives back every path, in the order of the classes", () => {
  // No half of a pair of surrogates: it is not text that a file can be called.
  const name = fc
    .string({ minLength: 1, unit: "grapheme" })
    .filter((text) => !/[/\0]/.test(text) && text !== "." && text !== "..");
  fc.assert(
    fc.property(fc.array(fc.array(name, { maxLength: 5 }), { maxLength: 5 }), (classes) => {
      const index = indexFiles(classes.map((names, i) => ({ dir: `/d${i}`, names })));
      const files = classes.flatMap((names, label) => names.map((text) => ({ label, text })));
      expect([...index.labels]).toEqual(files.map(({ label }) => label));
      files.forEach(({ label, text }, i) => {
        expect(nameOf(index, i)).toBe(text);
        expect(pathOf(index, i)).toBe(join(`/d${label}`, text));
      });
    }),
  );
});

test("images with files can be had larger by 8/7, as if they were loaded at that size", async () => {
  const { files } = stored;
  const larger = largerOf(stored);
  expect(largerOf(heldImages(expected, files))).toEqual(larger);
  expect(largerOf(heldImages(expected)).height).toBe(16);
  expect([larger.height, larger.width]).toEqual([19, 19]);
  const { pixels } = await loadImages(larger, Uint32Array.of(3, 0));
  const alone = new Uint8Array(pixels.length);
  await decodeFiles([pathOf(files, 3), pathOf(files, 0)], { side: 19, channels: 3 }, 1, alone);
  expect(pixels).toEqual(alone);
});

/** What is told of damaged images while `work` runs. */
async function damageIn(work: () => Promise<unknown>): Promise<string[]> {
  const told: string[] = [];
  onDamage(({ file, reason }) => told.push(`${file}: ${reason}`));
  await work();
  onDamage(() => {});
  return told.toSorted();
}

const leftOut = (name: string) => expect.stringMatching(new RegExp(`/${name}: .`)) as string;

test("images that cannot be read are named, and the others still come", async () => {
  using own = scratch();
  for (const i of [0, 1, 2, 3]) await noisy(own.dir, `${i}.jpg`, i);
  const names = ["0.jpg", "1.jpg", "2.jpg", "3.jpg"];
  const source = storedImages(indexFiles([{ dir: own.dir, names }]), { side: 8, channels: 3 });
  truncateSync(join(own.dir, "1.jpg"), 300);
  for (const name of names.slice(2)) rmSync(join(own.dir, name));
  const [bad, good] = await Promise.allSettled([
    loadImages(source, Uint32Array.of(0, 1, 2, 3)),
    loadImages(source, Uint32Array.of(0)),
  ]);
  expect(bad).toMatchObject({
    reason: {
      code: "DATA_INVALID",
      message: expect.stringMatching(/^Cannot read ".*2\.jpg": ENOENT.*; nor ".*3\.jpg"$/),
      hint: "Make sure that the files are there and can be read.",
    },
  });
  expect(good.status).toBe("fulfilled");
});

test("bytes that a decoder only warns of are no damage", async () => {
  using own = scratch();
  await noisy(own.dir, "0.jpg", 0);
  const bytes = readFileSync(join(own.dir, "0.jpg"));
  const table = bytes.indexOf(Uint8Array.of(0xff, 0xdb));
  put(own.dir, "1.jpg", Buffer.concat([bytes.subarray(0, table), Uint8Array.of(0, 0, 7, 7), bytes.subarray(table)]));
  const paths = [join(own.dir, "0.jpg"), join(own.dir, "1.jpg")];
  const pixels = new Uint8Array(2 * 192);
  expect(await decodeFiles(paths, { side: 8, channels: 3 }, 1, pixels)).toEqual([]);
  expect(pixels.slice(192)).toEqual(pixels.slice(0, 192));
});

test("damaged images on the disk are left out, and each is told once", async () => {
  using own = scratch();
  for (const i of [0, 1, 2, 3]) await noisy(own.dir, `${i}.jpg`, i);
  const names = ["0.jpg", "1.jpg", "2.jpg", "3.jpg"];
  const files = { ...indexFiles([{ dir: own.dir, names }]), mostDamaged: 0.5 };
  const source = storedImages(files, { side: 8, channels: 3 });
  const sound = await loadImages(source, Uint32Array.of(3, 0));
  truncateSync(join(own.dir, "1.jpg"), 300);
  writeFileSync(join(own.dir, "2.jpg"), "");
  const told = await damageIn(async () => {
    for (let i = 0; i < 2; i++) expect(await loadImages(source, Uint32Array.of(3, 2, 1, 0))).toEqual(sound);
    expect((await loadImages(source, Uint32Array.of(3))).count).toBe(1);
  });
  expect(told).toEqual([leftOut("1.jpg"), leftOut("2.jpg")]);
});

test("a training goes on without damaged images: other ones take their rows, and accuracy is of those that can be judged", async () => {
  using own = scratch();
  for (const part of ["train", "val", "test"]) {
    for (let i = 0; i < 12; i++) await noisy(own.dir, `${part}/${"ab"[i % 2]!}/${i}.jpg`, i);
  }
  const options = { seed: 1, size: 16, cacheDir: join(own.dir, ".cache"), mostInMemory: 0, mostDamaged: 1 };
  const dataset = await loadDataset(own.dir, options);
  const notation = "in16x16x3 stem8_k3_s22 r1_k3_s11_e3_i8_o8_noskip head0 classes2";
  const recipe = changed(finalRecipe, { batch: 4, epochs: 1, minSteps: 0, augment: "none" });
  const damage = (part: string, i: number): void => truncateSync(join(own.dir, part, "ab"[i % 2]!, `${i}.jpg`), 300);
  for (const i of [0, 5]) damage("train", i);
  for (let i = 0; i < 11; i++) damage("val", i);
  const told = await damageIn(async () => {
    const feed = createFeed({ dataset, plan: planFor(recipe, dataset, 1), rng: createRng(1), rank: 0 });
    const out = { images: new Float32Array(4 * 16 * 16 * 3), labels: new Int32Array(4) };
    const size = 16 * 16 * 3;
    const seen: string[] = [];
    for (let step = 0; step < 3; step++) {
      out.images.fill(9);
      await feed.train(step, out);
      for (let row = 0; row < 4; row++) seen.push(out.images.subarray(row * size, (row + 1) * size).join());
    }
    expect(seen.filter((row) => row.includes("9,9"))).toEqual([]);
    expect(new Set(seen).size).toBe(10);
    const filled: number[] = [];
    for await (const count of feed.judge("validation", out)) filled.push(count);
    expect(filled.filter((count) => count > 0)).toEqual([1]);
  });
  expect(told.length).toBe(13);

  // Threads tell it too.
  for (const i of [1, 3]) damage("test", i);
  const order = { notation, dataset, recipe, seed: "a", withTest: true };
  const inThreads = await damageIn(async () => {
    const training = trainInParallel(order, { workers: 2 });
    let trained = await training.next();
    while (trained.done !== true) trained = await training.next();
    expect([0, 1]).toContain(trained.value.accuracy);
    expect(trained.value.testAccuracy! * 10).toBeCloseTo(Math.round(trained.value.testAccuracy! * 10), 9);
  });
  expect(inThreads).toEqual([leftOut("test/b/1.jpg"), leftOut("test/b/3.jpg")]);

  damage("val", 11);
  const training = train({ graph: buildGraph(parseArch(notation)), dataset, recipe, seed: "a" });
  const all = async (): Promise<void> => {
    while ((await training.next()).done !== true);
  };
  await expect(all()).rejects.toThrow("Cannot judge: all images of the validation part are damaged");
  for (let i = 0; i < 12; i++) if (i !== 0 && i !== 5) damage("train", i);
  const none = createFeed({ dataset, plan: planFor(recipe, dataset, 1), rng: createRng(1), rank: 0 });
  const out = { images: new Float32Array(4 * 16 * 16 * 3), labels: new Int32Array(4) };
  await expect(none.train(0, out)).rejects.toThrow("Cannot train: all images of step 1 are damaged");
});

test("a process ends when its work is done, though images were decoded", async () => {
  const module = (name: string): string => JSON.stringify(new URL(`../src/data/${name}`, import.meta.url).href);
  const script = `
    import { indexFiles } from ${module("file-index.ts")};
    import { loadImages, storedImages } from ${module("source.ts")};
    const files = indexFiles([{ dir: ${JSON.stringify(join(folder.dir, "b"))}, names: ["0.png"] }]);
    const { pixels } = await loadImages(storedImages(files, { side: 16, channels: 3 }), Uint32Array.of(0));
    console.log(pixels.length);`;
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script]);
  expect(stdout).toBe("768\n");
});

test("a folder that is too large for the memory stays on the disk: the same parts, pixels and statistics", async () => {
  using own = scratch();
  const cacheDir = join(own.dir, ".cache");
  for (const part of ["train", "test"]) await pictures(join(own.dir, part), 8);
  for (const size of [undefined, 10]) {
    const options = { seed: 1, cacheDir, ...(size === undefined ? {} : { size }) };
    const inMemory = await loadInMemory(own.dir, options);
    const onDisk = await loadDataset(own.dir, { ...options, mostInMemory: 1000 });
    for (const part of partNames) {
      const source = onDisk[part];
      expect(isInMemory(source)).toBe(false);
      const all = await loadImages(
        source,
        Uint32Array.from({ length: source.count }, (_, i) => i),
      );
      expect(inMemory[part]).toMatchObject({ ...all, pixels: expect.objectContaining({ length: all.pixels.length }) });
      expect(Buffer.compare(all.pixels, inMemory[part].pixels)).toBe(0);
    }
    expect([onDisk.mean, onDisk.deviation]).toEqual([inMemory.mean, inMemory.deviation]);
  }
});

test.for(["crop", "resized-crop"] as const)(
  "a network trained on images from the disk has the same bits as on images from memory: %s",
  async (augment) => {
    using own = scratch();
    for (let i = 0; i < 24; i++) await noisy(own.dir, `${i % 2 === 0 ? "a" : "b"}/${i}.jpg`, i);
    const cacheDir = join(own.dir, ".cache");
    const graph = buildGraph(parseArch("in16x16x3 stem8_k3_s22 r1_k3_s11_e3_i8_o8_noskip head0 classes2"));
    const recipe = changed(finalRecipe, { batch: 4, epochs: 3, minSteps: 0, augment });
    const trainOn = async (dataset: Dataset): Promise<Trained> => {
      const training = train({ graph, dataset, recipe, seed: "a", withTest: true });
      for (;;) {
        const { done, value } = await training.next();
        if (done === true) return value;
      }
    };
    const inMemory = await trainOn(await loadInMemory(own.dir, { seed: 1, size: 16, cacheDir }));
    const onDisk = await trainOn(await loadDataset(own.dir, { seed: 1, size: 16, cacheDir, mostInMemory: 0 }));
    expect({ ...onDisk, seconds: 0 }).toEqual({ ...inMemory, seconds: 0 });
  },
);

test("what learns from parts of larger pictures is judged by their middle", async () => {
  using own = scratch();
  for (let i = 0; i < 24; i++) await noisy(own.dir, `${i % 2 === 0 ? "a" : "b"}/${i}.jpg`, i);
  const options = { seed: 1, size: 16, cacheDir: join(own.dir, ".cache") };
  const dataset = await loadDataset(own.dir, { ...options, mostInMemory: 0 });
  const { count } = dataset.validation;
  const judged = async (augment: AugmentationName): Promise<Float32Array> => {
    const plan = planFor(changed(finalRecipe, { batch: count, augment }), dataset, 1);
    const out = { images: new Float32Array(count * 16 * 16 * 3), labels: new Int32Array(count) };
    const feed = createFeed({ dataset, plan: { ...plan, batch: count }, rng: createRng(1), rank: 0 });
    for await (const filled of feed.judge("validation", out)) expect(filled).toBe(count);
    return out.images;
  };
  const all = Uint32Array.from({ length: count }, (_, i) => i);
  const larger = await loadImages(largerOf(dataset.validation), all);
  expect(larger.height).toBe(19);
  const middle = new Float32Array(count * 16 * 16 * 3);
  fillBatch(dataset, larger, all, 0, {
    images: middle,
    labels: new Int32Array(count),
    input: { height: 16, width: 16 },
  });
  expect(await judged("resized-crop")).toEqual(middle);
  expect(await judged("none")).not.toEqual(middle);
});

test("a folder that may be too large is held in memory when its images turn out small enough", async () => {
  using own = scratch();
  await pictures(own.dir, 4);
  const data = await loadInMemory(own.dir, { seed: 1, cacheDir: join(own.dir, ".cache"), mostInMemory: 8 * 64 * 64 });
  expect(data).toEqual(await loadInMemory(own.dir, { seed: 1, cacheDir: join(own.dir, ".cache") }));
});

test("statistics of images on the disk are kept, and measured again for another split or after damage", async () => {
  using own = scratch();
  await pictures(own.dir, 8);
  const cacheDir = join(own.dir, ".cache");
  const load = (seed: number) => loadDataset(own.dir, { seed, cacheDir, mostInMemory: 1000 });
  const first = await load(1);
  const [name = ""] = readdirSync(cacheDir);
  const file = join(cacheDir, name);
  const kept = readFileSync(file, "utf8");
  for (const damage of ["", "{}", kept.slice(0, -1), kept.replace("deviation", "variance")]) {
    writeFileSync(file, damage);
    expect(await load(1)).toEqual(first);
    expect(readFileSync(file, "utf8")).toBe(kept);
  }
  // A mean of ours, to see where it comes from.
  writeFileSync(file, kept.replace(JSON.stringify(first.mean), "[7,7,7]"));
  expect((await load(1)).mean).toEqual([7, 7, 7]);
  expect((await load(2)).mean).not.toEqual([7, 7, 7]);
  expect(readdirSync(cacheDir)).toEqual([name]);
});

test("the key of images on the disk changes with a name, a size, a class or a part, and not with the place", async () => {
  const keyOf = async (change: (dir: string) => void): Promise<string> => {
    using own = scratch();
    for (const part of ["train", "test"]) await pictures(join(own.dir, part), 4);
    change(own.dir);
    return (await loadDataset(own.dir, { seed: 1, cacheDir: join(own.dir, ".cache"), mostInMemory: 1000 })).key;
  };
  const key = await keyOf(() => {});
  expect(await keyOf(() => {})).toBe(key);
  const cat = (dir: string, name: string): string => join(dir, "train", "cat", name);
  const changes: ((dir: string) => void)[] = [
    (dir) => rmSync(cat(dir, "0.jpg")),
    (dir) => renameSync(cat(dir, "0.jpg"), cat(dir, "9.jpg")),
    (dir) => {
      for (const part of ["train", "test"]) renameSync(join(dir, part, "cat"), join(dir, part, "cow"));
    },
    (dir) => renameSync(join(dir, "test"), join(dir, "val")),
    (dir) => appendFileSync(cat(dir, "0.jpg"), " "),
  ];
  const keys = [key];
  for (const change of changes) keys.push(await keyOf(change));
  expect(new Set(keys).size).toBe(keys.length);
});

test("sampleOf() draws rising numbers, each once, the same for a seed", () => {
  fc.assert(
    fc.property(fc.nat(200), fc.nat(250), fc.string(), (below, count, seed) => {
      const sample = [...sampleOf(below, count, seed)];
      expect(sample).toHaveLength(Math.min(below, count));
      expect(new Set(sample).size).toBe(sample.length);
      expect(sample).toEqual(sample.toSorted((a, b) => a - b));
      expect(sample.every((i) => i < below)).toBe(true);
      expect([...sampleOf(below, count, seed)]).toEqual(sample);
    }),
  );
  expect(sampleOf(1000, 10, "a")).not.toEqual(sampleOf(1000, 10, "b"));
});
