import * as fc from "fast-check";
import { expect, test } from "vitest";
import { epochOrder, fillBatch } from "../src/data/batches.ts";
import type { Images } from "../src/data/dataset.ts";
import { createRng, type Rng } from "../src/util/rng.ts";

test("epochOrder() visits every image once, in an order of the seed", () => {
  fc.assert(
    fc.property(fc.nat(300), fc.integer(), (count, seed) => {
      const order = epochOrder(count, createRng(seed));
      expect([...order].toSorted((a, b) => a - b)).toEqual([...Array(count).keys()]);
      expect(epochOrder(count, createRng(seed))).toEqual(order);
    }),
  );
  expect(epochOrder(100, createRng(1))).not.toEqual(epochOrder(100, createRng(2)));
});

function images(count: number, height: number, width: number, channels: number): Images {
  const rng = createRng(`${height}×${width}`);
  const pixels = Uint8Array.from({ length: count * height * width * channels }, () => rng.int(256));
  return { count, height, width, channels, pixels, labels: Int32Array.from({ length: count }, (_, i) => 10 + i) };
}

const normal = { mean: [0.3, 0.5, 0.6], deviation: [0.2, 0.1, 0.4] };

/** One value of one image, mirrored and moved: the definition, one pixel at a time. */
function valueAt(
  part: Images,
  dataset: typeof normal,
  index: number,
  place: { y: number; x: number; c: number },
  move: Move,
): number {
  const y = place.y - move.down;
  let x = place.x - move.right;
  if (y < 0 || y >= part.height || x < 0 || x >= part.width) return 0;
  if (move.isFlipped) x = part.width - 1 - x;
  const pixel = part.pixels[((index * part.height + y) * part.width + x) * part.channels + place.c]!;
  return Math.fround((pixel / 255 - dataset.mean[place.c]!) / dataset.deviation[place.c]!);
}

interface Move {
  readonly down: number;
  readonly right: number;
  readonly isFlipped: boolean;
}

/** A whole row by the definition. */
function imageBy(part: Images, dataset: typeof normal, index: number, move: Move): number[] {
  const values: number[] = [];
  for (let y = 0; y < part.height; y++) {
    for (let x = 0; x < part.width; x++) {
      for (let c = 0; c < part.channels; c++) values.push(valueAt(part, dataset, index, { y, x, c }, move));
    }
  }
  return values;
}

test.each([1, 3])(
  "fillBatch() normalises %i channels as the definition says, and leaves rows beyond the data alone",
  (channels) => {
    const part = images(5, 4, 6, channels);
    const dataset = { mean: normal.mean.slice(0, channels), deviation: normal.deviation.slice(0, channels) };
    const size = 24 * channels;
    const out = { images: new Float32Array(3 * size).fill(7), labels: new Int32Array(3).fill(-1) };
    const order = Uint32Array.of(4, 0, 3, 1, 2);
    const still = { down: 0, right: 0, isFlipped: false };

    expect(fillBatch(dataset, part, order, 0, out)).toBe(3);
    expect([...out.images]).toEqual([4, 0, 3].flatMap((index) => imageBy(part, dataset, index, still)));
    expect([...out.labels]).toEqual([14, 10, 13]);

    expect(fillBatch(dataset, part, order, 4, out)).toBe(1);
    expect([...out.images.subarray(0, size)]).toEqual(imageBy(part, dataset, 2, still));
    expect([...out.images.subarray(size, 2 * size)]).toEqual(imageBy(part, dataset, 0, still));
    expect([...out.labels]).toEqual([12, 10, 13]);
    expect(fillBatch(dataset, part, order, 5, out)).toBe(0);
  },
);

/** A stream that gives the draws of one move. */
const moving = ({ down, right, isFlipped }: Move, pad: number): Rng => {
  const draws = [down + pad, right + pad];
  return { ...createRng(0), int: () => draws.shift()!, next: () => (isFlipped ? 0 : 0.9) };
};

test("fillBatch() moves and mirrors as the definition says, with the mean outside", () => {
  const move = fc.record({
    down: fc.integer({ min: -9, max: 9 }),
    right: fc.integer({ min: -9, max: 9 }),
    isFlipped: fc.boolean(),
  });
  fc.assert(
    fc.property(move, fc.constantFrom(1, 3), fc.boolean(), (by, channels, flip) => {
      const part = images(2, 5, 7, channels);
      const dataset = { mean: normal.mean.slice(0, channels), deviation: normal.deviation.slice(0, channels) };
      const out = { images: new Float32Array(35 * channels).fill(7), labels: new Int32Array(1) };
      fillBatch(dataset, part, Uint32Array.of(1), 0, out, { kind: "crop", pad: 9, flip, rng: moving(by, 9) });
      expect([...out.images]).toEqual(imageBy(part, dataset, 1, { ...by, isFlipped: by.isFlipped && flip }));
    }),
  );
});

test("fillBatch() draws moves up to the pad each way, and mirrors half of the images", () => {
  // One bright pixel in the middle, and one beside it that tells left from right.
  const part: Images = {
    count: 1,
    height: 9,
    width: 9,
    channels: 1,
    pixels: new Uint8Array(81),
    labels: new Int32Array(1),
  };
  part.pixels[4 * 9 + 4] = 255;
  part.pixels[4 * 9 + 5] = 128;
  const dataset = { mean: [0], deviation: [1] };
  const count = 3000;
  const out = { images: new Float32Array(81 * count), labels: new Int32Array(count) };
  fillBatch(dataset, part, new Uint32Array(count), 0, out, {
    kind: "crop",
    pad: 2,
    flip: true,
    rng: createRng(3),
  });
  const seen = new Map<number, number>();
  let mirrored = 0;
  for (let i = 0; i < count; i++) {
    const image = out.images.subarray(i * 81, (i + 1) * 81);
    const at = image.indexOf(1);
    seen.set(at, (seen.get(at) ?? 0) + 1);
    if (image[at - 1]! > 0) mirrored += 1;
  }
  const places = [2, 3, 4, 5, 6].flatMap((y) => [2, 3, 4, 5, 6].map((x) => y * 9 + x));
  expect([...seen.keys()].toSorted((a, b) => a - b)).toEqual(places);
  expect(Math.min(...seen.values())).toBeGreaterThan(70);
  expect(mirrored / count).toBeCloseTo(0.5, 1);
});
