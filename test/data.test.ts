import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import sharp from "sharp";
import { expect, test } from "vitest";
import { describeDataset, type Images } from "../src/data/dataset.ts";
import { cutStratified } from "../src/data/splits.ts";
import { createRng } from "../src/util/rng.ts";
import { cifarRecord, idx, loadInMemory, picture, pictures, put, times } from "./data-files.ts";
import { scratch } from "./mnas.ts";

const seed = 1;

const classCounts = ({ labels }: Images, classes: number): number[] =>
  times(classes, (k) => labels.filter((label) => label === k).length);

/** Every image as text, to see which part it went to. */
const rows = ({ count, pixels }: Images): string[] =>
  times(count, (i) => pixels.subarray((i * pixels.length) / count, ((i + 1) * pixels.length) / count).join());

test("the embedded sample is even over its ten classes in every part", async () => {
  const data = await loadInMemory(undefined, { seed });
  expect(describeDataset(data)).toBe(
    "fashion-mnist: 7000 training, 1000 validation and 2000 test images of 28×28×1 in 10 classes",
  );
  expect(classCounts(data.train, 10)).toEqual(Array(10).fill(700));
  expect(classCounts(data.validation, 10)).toEqual(Array(10).fill(100));
  expect(classCounts(data.test, 10)).toEqual(Array(10).fill(200));
  expect(data.classes.at(-1)).toBe("Ankle boot");
  expect(data.canFlip).toBe(true);
  // Millions of pixels take expect() many seconds.
  expect(isDeepStrictEqual(await loadInMemory("fashion-mnist", { seed }), data)).toBe(true);
});

test("the embedded sample is small enough to be part of the package and comes with its licence", () => {
  const assets = new URL("../assets/", import.meta.url);
  const bytes = readdirSync(assets).map((name) => statSync(new URL(name, assets)).size);
  expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThan(5e6);
  expect(readdirSync(assets)).toContain("fashion-mnist.LICENSE.txt");
});

/** Four IDX files: image i is 2×3 and shows its own number; labels go round. */
function putIdx(dir: string, { train = 12, test: tests = 4, classes = 2, isZipped = false } = {}): void {
  const zip = (bytes: Buffer): Buffer => (isZipped ? gzipSync(bytes) : bytes);
  const ending = isZipped ? ".gz" : "";
  for (const [part, count, from] of [
    ["train", train, 0],
    ["t10k", tests, 100],
  ] as const) {
    const pixels = times(count * 6, (i) => from + Math.floor(i / 6));
    put(dir, `${part}-images-idx3-ubyte${ending}`, zip(idx([count, 2, 3], pixels)));
    put(
      dir,
      `${part}-labels-idx1-ubyte${ending}`,
      zip(
        idx(
          [count],
          times(count, (i) => i % classes),
        ),
      ),
    );
  }
}

test.each([false, true])("IDX files are read as they are (gzipped: %s)", async (isZipped) => {
  using folder = scratch();
  putIdx(folder.dir, { isZipped });
  const data = await loadInMemory(folder.dir, { seed });
  expect(data.classes).toEqual(["0", "1"]);
  expect(data.test).toMatchObject({
    count: 4,
    height: 2,
    width: 3,
    channels: 1,
    pixels: expect.objectContaining({ length: 24 }),
    labels: Int32Array.of(0, 1, 0, 1),
  });
  expect([...data.test.pixels]).toEqual(times(24, (i) => 100 + Math.floor(i / 6)));
  expect([...rows(data.train), ...rows(data.validation)].toSorted()).toEqual(
    times(12, (i) => Array(6).fill(i).join()).toSorted(),
  );
});

test("classes.txt names the classes of IDX files", async () => {
  using folder = scratch();
  putIdx(folder.dir);
  put(folder.dir, "classes.txt", "left\nright\n");
  expect((await loadInMemory(folder.dir, { seed })).classes).toEqual(["left", "right"]);
});

test("digits are not mirrored, other things are", async () => {
  using folder = scratch();
  for (const name of ["mnist", "MNIST/raw", "FashionMNIST/raw", "things"]) {
    putIdx(join(folder.dir, name), { train: 40, test: 10, classes: 10 });
  }
  const canFlip = async (name: string): Promise<boolean> =>
    (await loadInMemory(join(folder.dir, name), { seed })).canFlip;
  expect(await canFlip("mnist")).toBe(false);
  expect(await canFlip("MNIST/raw")).toBe(false);
  expect(await canFlip("FashionMNIST/raw")).toBe(true);
  expect(await canFlip("things")).toBe(true);
});

test("CIFAR-10 batches become rows of pixels", async () => {
  using folder = scratch();
  const batch = Buffer.concat(times(10, cifarRecord));
  for (const name of ["data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin", "test_batch.bin"])
    put(folder.dir, name, batch);
  const data = await loadInMemory(folder.dir, { seed });
  expect(data.classes[3]).toBe("cat");
  expect([data.train.count, data.validation.count, data.test.count]).toEqual([20, 10, 10]);
  const { pixels, labels, height, width, channels } = data.test;
  expect([height, width, channels]).toEqual([32, 32, 3]);
  const at = (n: number, y: number, x: number): number[] => [
    ...pixels.subarray(3 * (1024 * n + 32 * y + x)).subarray(0, 3),
  ];
  expect([at(4, 0, 0), at(4, 7, 30), at(9, 31, 1)]).toEqual([
    [4, 0, 0],
    [4, 7, 30],
    [9, 31, 1],
  ]);
  expect([...labels]).toEqual(times(10, (i) => i));
});

test("CIFAR batches with names of their own and no test batch are cut in three", async () => {
  using folder = scratch();
  put(folder.dir, "batches.meta.txt", "red\ngreen\n\n");
  put(folder.dir, "data_batch_1.bin", Buffer.concat(times(32, (i) => cifarRecord(i % 2))));
  const data = await loadInMemory(folder.dir, { seed });
  expect(data.classes).toEqual(["red", "green"]);
  expect([data.train, data.validation, data.test].map((part) => classCounts(part, 2))).toEqual([
    [12, 12],
    [2, 2],
    [2, 2],
  ]);
});

test("a folder of images is decoded, cropped and resized, each class by its folder", async () => {
  using folder = scratch();
  await pictures(folder.dir, 8);
  put(folder.dir, "README.md", "mine");
  put(folder.dir, "cat/.DS_Store", "");
  const data = await loadInMemory(folder.dir, { seed, size: 10, cacheDir: join(folder.dir, ".cache") });
  expect(data.classes).toEqual(["cat", "dog"]);
  expect([data.train, data.validation, data.test].map((part) => classCounts(part, 2))).toEqual([
    [6, 6],
    [1, 1],
    [1, 1],
  ]);
  const { count, height, width, channels, pixels, labels } = data.train;
  expect([height, width, channels, pixels.length]).toEqual([10, 10, 3, count * 300]);
  for (let i = 0; i < count; i++) {
    const [red, , blue] = pixels.subarray(i * 300 + 150, i * 300 + 153);
    expect(red! > 200 && blue! < 50).toBe(labels[i] === 0);
  }
});

test("train, val and test folders are the parts they are called", async () => {
  using folder = scratch();
  for (const [part, count] of [
    ["train", 3],
    ["val", 2],
    ["test", 1],
  ] as const)
    await pictures(join(folder.dir, part), count);
  const data = await loadInMemory(folder.dir, { seed, cacheDir: join(folder.dir, ".cache") });
  expect([data.train, data.validation, data.test].map((part) => classCounts(part, 2))).toEqual([
    [3, 3],
    [2, 2],
    [1, 1],
  ]);
});

test("without a size images get their own median side, up to 64", async () => {
  using folder = scratch();
  const sideOf = async (name: string, width: number, height: number): Promise<number> => {
    for (const file of ["a/1.png", "a/2.png", "a/3.png", "b/1.png", "b/2.png", "b/3.png"]) {
      await picture(join(folder.dir, name), file, { width, height });
    }
    return (await loadInMemory(join(folder.dir, name), { seed, cacheDir: join(folder.dir, "cache") })).train.height;
  };
  expect(await sideOf("small", 30, 24)).toBe(24);
  expect(await sideOf("large", 200, 300)).toBe(64);
});

test("images are grey only when all are", async () => {
  using folder = scratch();
  for (const name of ["a/1.jpg", "a/2.png", "a/3.jpg", "b/1.jpg", "b/2.jpg", "b/3.png"]) {
    await picture(folder.dir, name, { isGrey: true, color: { r: 90, g: 90, b: 90 } });
  }
  const cacheDir = join(folder.dir, ".cache");
  const { train } = await loadInMemory(folder.dir, { seed, cacheDir });
  expect([train.channels, ...new Set(train.pixels)]).toEqual([1, 90]);
  await picture(folder.dir, "b/1.jpg", { color: { r: 90, g: 90, b: 90 } });
  expect((await loadInMemory(folder.dir, { seed, cacheDir })).train.channels).toBe(3);
});

test("images are turned as their camera says, and what is transparent is white", async () => {
  using folder = scratch();
  // Left half black, right half white; orientation 6 turns it a quarter, black half up.
  const half = await sharp({ create: { width: 16, height: 16, channels: 3, background: "white" } })
    .composite([{ input: { create: { width: 8, height: 16, channels: 3, background: "black" } }, left: 0, top: 0 }])
    .withMetadata({ orientation: 6 })
    .jpeg({ quality: 100 })
    .toBuffer();
  const clear = await sharp({
    create: { width: 16, height: 16, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
  })
    .png()
    .toBuffer();
  for (const i of [1, 2, 3]) {
    put(folder.dir, `half/${i}.jpg`, half);
    put(folder.dir, `clear/${i}.png`, clear);
  }
  const { train } = await loadInMemory(folder.dir, { seed, cacheDir: join(folder.dir, ".cache") });
  expect([...train.labels]).toEqual([0, 1]);
  expect([...new Set(train.pixels.subarray(0, 768))]).toEqual([255]);
  const [top, bottom] = [train.pixels.subarray(768, 768 + 144), train.pixels.subarray(1536 - 144)];
  expect(Math.max(...top)).toBeLessThan(60);
  expect(Math.min(...bottom)).toBeGreaterThan(200);
});

test("the parts are disjoint and complete; the seed decides what validates, and nothing what tests", async () => {
  using folder = scratch();
  put(
    folder.dir,
    "train-images-idx3-ubyte",
    idx(
      [200, 2, 3],
      times(1200, (i) => Math.floor(i / 6)),
    ),
  );
  put(
    folder.dir,
    "train-labels-idx1-ubyte",
    idx(
      [200],
      times(200, (i) => ((i * i) % 5) % 3),
    ),
  );
  const load = async (number: number): Promise<string[][]> => {
    const { train, validation, test: tested } = await loadInMemory(folder.dir, { seed: number });
    return [train, validation, tested].map(rows);
  };
  const parts = await load(1);
  expect(new Set(parts.flat()).size).toBe(200);
  expect(parts.map(({ length }) => length)).toEqual([153, 22, 25]);
  expect(await load(1)).toEqual(parts);
  expect((await load(2))[1]).not.toEqual(parts[1]);
  // What is tested on under one seed is never trained on under another.
  expect((await load(2))[2]).toEqual(parts[2]);
});

test("a test part of its own is the same for every seed, and has no say in mean and deviation", async () => {
  using folder = scratch();
  putIdx(folder.dir);
  const first = await loadInMemory(folder.dir, { seed: 1 });
  expect((await loadInMemory(folder.dir, { seed: 2 })).test).toEqual(first.test);
  put(folder.dir, "t10k-images-idx3-ubyte", idx([4, 2, 3], Array(24).fill(255)));
  const { mean, deviation, key } = await loadInMemory(folder.dir, { seed: 1 });
  expect({ mean, deviation }).toEqual({ mean: first.mean, deviation: first.deviation });
  expect(key).not.toBe(first.key);

  const values = [...first.train.pixels].map((value) => value / 255);
  const average = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - average) ** 2, 0) / values.length;
  expect(first.mean[0]).toBeCloseTo(average, 12);
  expect(first.deviation[0]).toBeCloseTo(Math.sqrt(variance), 12);
});

test("cutStratified() cuts the share of every class, and leaves every class some", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 2, max: 40 }), { minLength: 1, maxLength: 6 }),
      fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      fc.integer(),
      (sizes, share, number) => {
        const labels = Int32Array.from(sizes.flatMap((size, k) => Array<number>(size).fill(k)));
        const { kept, cut } = cutStratified(labels, sizes.length, share, createRng(number));
        expect([...kept, ...cut].toSorted((a, b) => a - b)).toEqual([...labels.keys()]);
        sizes.forEach((size, k) => {
          const count = cut.filter((i) => labels[i] === k).length;
          expect(count).toBe(Math.min(size - 1, Math.max(1, Math.round(size * share))));
        });
      },
    ),
  );
});
