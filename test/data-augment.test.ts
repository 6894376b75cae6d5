import * as fc from "fast-check";
import { expect, test } from "vitest";
import { augmentationFor, centreRegion, randomRegion } from "../src/data/augment.ts";
import { fillBatch } from "../src/data/batches.ts";
import type { Images } from "../src/data/images.ts";
import { heldImages } from "../src/data/source.ts";
import { resample } from "../src/data/resample.ts";
import { createRng } from "../src/util/rng.ts";

function images(height: number, width: number, channels: number, pixel: (i: number) => number): Images {
  const pixels = Uint8Array.from({ length: height * width * channels }, (_, i) => pixel(i));
  return { count: 1, height, width, channels, pixels, labels: new Int32Array(1) };
}

const noise = (height: number, width: number, channels: number): Images => {
  const rng = createRng(`${height}×${width}`);
  return images(height, width, channels, () => rng.int(256));
};

/** Pixel values as they are. */
const plain = (channels: number) => ({
  mean: Array<number>(channels).fill(0),
  deviation: Array<number>(channels).fill(1 / 255),
});

test("augmentationFor() moves by an eighth of the height and mirrors what can be mirrored", () => {
  const part = { train: heldImages(noise(28, 28, 1)), canFlip: true };
  expect(augmentationFor("crop", part)).toEqual({ kind: "crop", pad: 4, flip: true });
  expect(augmentationFor("crop", { train: heldImages(noise(2, 2, 1)), canFlip: false })).toMatchObject({
    pad: 1,
    flip: false,
  });
  expect(augmentationFor("resized-crop", part)).toEqual({ kind: "resized-crop", flip: true });
  expect(augmentationFor("none", part)).toBeNull();
});

const side = fc.integer({ min: 1, max: 300 });

test("randomRegion() stays inside the picture", () => {
  fc.assert(
    fc.property(side, side, fc.integer(), (height, width, seed) => {
      const region = randomRegion({ height, width }, createRng(seed));
      expect(region.top).toBeGreaterThanOrEqual(0);
      expect(region.left).toBeGreaterThanOrEqual(0);
      expect(region.top + region.height).toBeLessThanOrEqual(height);
      expect(region.left + region.width).toBeLessThanOrEqual(width);
      expect(Math.min(region.height, region.width)).toBeGreaterThan(0);
    }),
  );
});

test("randomRegion() draws 8 to 100 % of the area at 3:4 to 4:3, both ends among them", () => {
  const rng = createRng(1);
  const regions = Array.from({ length: 3000 }, () => randomRegion({ height: 200, width: 200 }, rng));
  const areas = regions.map(({ height, width }) => (height * width) / 40_000);
  const aspects = regions.map(({ height, width }) => width / height);
  const range = (values: number[]) => [Math.min(...values), Math.max(...values)];
  const near = (values: number[]) => values.map((value) => Number(value.toFixed(1)));
  expect(near(range(areas))).toEqual([0.1, 1]);
  expect(range(areas)[0]).toBeGreaterThan(0.075);
  expect(near(range(aspects))).toEqual([0.7, 1.3]);
  // Uniform in area up to where the aspect leaves no room, and as often upright as lying.
  expect(areas.filter((area) => area < 0.4).length / areas.filter((area) => area < 0.72).length).toBeCloseTo(0.5, 1);
  expect(aspects.filter((aspect) => aspect > 1).length / aspects.length).toBeCloseTo(0.5, 1);
});

test("a picture that is too long for any draw gives its middle", () => {
  expect(randomRegion({ height: 10, width: 1000 }, createRng(1))).toEqual({ top: 0, left: 493, height: 10, width: 13 });
});

test("centreRegion() is the whole picture at the size of the input, else 7/8 of its shorter side", () => {
  const input = { height: 224, width: 224 };
  expect(centreRegion(input, input)).toEqual({ top: 0, left: 0, height: 224, width: 224 });
  expect(centreRegion({ height: 256, width: 256 }, input)).toEqual({ top: 16, left: 16, height: 224, width: 224 });
  expect(centreRegion({ height: 256, width: 512 }, input)).toEqual({ top: 16, left: 144, height: 224, width: 224 });
});

test("resample() at the size of the region copies it, mirrored if asked for", () => {
  const picture = noise(9, 7, 3);
  const out = new Float32Array(4 * 5 * 3);
  const region = { top: 2, left: 1, height: 4, width: 5 };
  const at = (y: number, x: number, c: number): number => picture.pixels[((y + 2) * 7 + x + 1) * 3 + c]!;
  for (const isFlipped of [false, true]) {
    resample(picture, 0, region, isFlipped, out, 0, { height: 4, width: 5 }, plain(3));
    const want = [0, 1, 2, 3].flatMap((y) =>
      [0, 1, 2, 3, 4].flatMap((x) => [0, 1, 2].map((c) => at(y, isFlipped ? 4 - x : x, c))),
    );
    expect([...out].map((value) => Math.round(value * 1e4) / 1e4)).toEqual(want);
  }
});

test("resample() gives a plane back, wherever it is not cut off", () => {
  // Bilinear interpolation is exact on values that are linear in both directions.
  const picture = images(20, 20, 1, (i) => 3 * Math.floor(i / 20) + 5 * (i % 20));
  const out = new Float32Array(64);
  const region = { top: 2.5, left: 3.25, height: 9, width: 13 };
  resample(picture, 0, region, false, out, 0, { height: 8, width: 8 }, plain(1));
  for (let y = 1; y < 7; y++) {
    for (let x = 1; x < 7; x++) {
      const [sourceY, sourceX] = [2.5 + ((y + 0.5) * 9) / 8 - 0.5, 3.25 + ((x + 0.5) * 13) / 8 - 0.5];
      expect(out[y * 8 + x]).toBeCloseTo(3 * sourceY + 5 * sourceX, 3);
    }
  }
});

test("fillBatch() judges larger pictures by their middle, and varies them by the seed alone", () => {
  const dataset = { mean: [0.4], deviation: [0.2] };
  const part = noise(32, 32, 1);
  const fill = (seed: number | null): number[] => {
    const out = { images: new Float32Array(28 * 28), labels: new Int32Array(1), input: { height: 28, width: 28 } };
    const varied = seed === null ? undefined : ({ kind: "resized-crop", flip: true, rng: createRng(seed) } as const);
    expect(fillBatch(dataset, part, Uint32Array.of(0), 0, out, varied)).toBe(1);
    return [...out.images];
  };
  const middle = fill(null);
  expect(middle[0]).toBeCloseTo((part.pixels[2 * 32 + 2]! / 255 - 0.4) / 0.2, 5);
  expect(middle[28 * 28 - 1]).toBeCloseTo((part.pixels[29 * 32 + 29]! / 255 - 0.4) / 0.2, 5);
  expect(fill(1)).toEqual(fill(1));
  expect(fill(1)).not.toEqual(fill(2));
});
