import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import { expect, test } from "vitest";
import { resolveConfig } from "../src/config/config.ts";
import type { FinalRow, TrialRow } from "../src/study/events.ts";
import { changedClasses, mirrorRows } from "../src/study/mirror.ts";
import { fallenTexts } from "../src/study/mirror-check.ts";
import { isFlipped } from "../src/train/recipe.ts";
import { mnas, scratch } from "./mnas.ts";
import { toyConfig } from "./toy.ts";

const count = (images: number, right: number, mirrored: number) => ({ images, right, mirrored });

test.each([
  ["two classes that are each other's mirror image", [count(10, 10, 0), count(10, 9, 0)], [0, 1]],
  ["two such classes of many", [count(9, 8, 1), count(9, 8, 0), ...Array(8).fill(count(9, 8, 8))], [0, 1]],
  ["a letter that becomes none", [count(50, 45, 3), count(50, 45, 44)], [0]],
  ["images that a mirror hardly changes", [count(1000, 900, 880), count(1000, 800, 810)], []],
  ["a network that knows nothing", [count(100, 50, 48), count(100, 50, 52)], []],
  [
    "classes that gain and lose by chance",
    Array(50)
      .fill([count(3, 2, 0), count(3, 0, 2)])
      .flat(),
    [],
  ],
  ["too few images to tell", [count(4, 4, 0), count(4, 4, 0)], []],
  ["no images", [count(0, 0, 0)], []],
] as const)("a mirror changes labels or not: %s", (_, counts, expected) => {
  expect(changedClasses(counts as never)).toEqual(expected);
});

test("mirrored rows run from right to left, their channels do not", () => {
  const row = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
  expect([...mirrorRows(row, 3, 2)]).toEqual([5, 6, 3, 4, 1, 2, 11, 12, 9, 10, 7, 8]);
  expect(mirrorRows(mirrorRows(row, 3, 2), 3, 2)).toEqual(row);
});

test.each([
  ["crop", undefined, true, true],
  ["crop", null, false, false],
  ["crop", false, true, false],
  ["resized-crop", true, false, true],
  ["none", true, true, false],
] as const)("augment %s with flip %s, of data that can be flipped: %s, mirrors: %s", (augment, flip, canFlip, is) => {
  expect(isFlipped({ augment, flip }, { canFlip })).toBe(is);
});

test("flip of a config holds for both recipes, flip of a recipe for that one", () => {
  const flips = (config: object) => {
    const { flip, proxy, final } = resolveConfig(config, "the test");
    return [flip, proxy.flip, final.flip];
  };
  expect(flips({})).toEqual([null, undefined, undefined]);
  expect(flips({ flip: false, final: { flip: true } })).toEqual([false, false, false]);
  expect(flips({ final: { flip: false } })).toEqual([null, undefined, false]);
});

test("a finalist that ends below its trial by more than chance is told, a baseline is not", () => {
  const trial = { number: 3, accuracy: 1, accuracyError: 0 } as TrialRow;
  const final = { name: "trial 3", source: 3, isReference: false, accuracy: 0.5, accuracyError: 0.1 } as FinalRow;
  expect(fallenTexts([trial], [final])).toEqual([
    expect.stringMatching(/^trial 3 is less accurate .*50\.0 %.*100\.0 %/),
  ]);
  expect(fallenTexts([trial], [{ ...final, accuracy: 0.85 }])).toEqual([]);
  expect(fallenTexts([trial], [{ ...final, accuracy: null, accuracyError: null }])).toEqual([]);
  expect(fallenTexts([trial], [{ ...final, isReference: true, source: null }])).toEqual([]);
});

/** Classes `left` and `right`: the dark half of each picture. */
async function writeSides(dir: string): Promise<void> {
  const jobs = ["left", "right"].flatMap((name) => {
    mkdirSync(join(dir, name), { recursive: true });
    return Array.from({ length: 60 }, (_, i) => {
      const pixels = Buffer.alloc(16 * 16 * 3);
      for (let at = 0; at < pixels.length; at++) {
        const isDark = Math.floor(at / 3) % 16 < 8 === (name === "left");
        pixels[at] = isDark ? 20 + (i % 20) : 200 + ((at + i) % 50);
      }
      const raw = { width: 16, height: 16, channels: 3 } as const;
      return sharp(pixels, { raw })
        .png()
        .toFile(join(dir, name, `${i}.png`));
    });
  });
  await Promise.all(jobs);
}

test("classes that are each other's mirror image end with a final that is right, unless flips are asked for", async () => {
  using folder = scratch();
  await writeSides(join(folder.dir, "sides"));
  const config = toyConfig(`data: "./sides", device: "madds", target: 1, trials: 2, batch: 2, workers: 1,
    finalSeeds: 1, baselines: 0, proxy: { epochs: 80 }, final: { epochs: 60 },`);
  writeFileSync(join(folder.dir, "mnas.config.ts"), config);
  const search = async (...args: string[]) => {
    const { code, stdout } = await mnas(["search", "--json", ...args], folder.dir);
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { event: string; message: string; finals: FinalRow[] });
    const told = events.filter(({ event }) => event === "warning").map(({ message }) => message);
    return { code, told, accuracy: events.at(-1)?.finals?.[0]?.accuracy };
  };
  const usual = await search("--out", "usual");
  expect(usual.code).toBe(0);
  expect(usual.accuracy).toBeGreaterThan(0.9);
  expect(usual.told).toContainEqual(expect.stringMatching(/^mirroring seems to change labels \(left, right\)/));
  const flipped = await search("--flip", "--out", "flipped", "--finalists", "1");
  expect(flipped.code).toBe(0);
  expect(flipped.accuracy).toBeLessThan(0.9);
  expect(flipped.told).toEqual([
    expect.stringMatching(/^mirroring seems .* mirror images all the same, since flip is true$/),
    expect.stringMatching(/^trial \d is less accurate after its long training/),
  ]);
  const resumed = await mnas(["search", "--resume", "usual", "--no-flip"], folder.dir);
  expect(resumed.stderr).toContain("flip: null → false");
}, 120_000);
