import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sizeOf, type Images } from "../../src/data/images.ts";
import { largerOf, loadImages, prefetch, select, type ImageSource } from "../../src/data/source.ts";

/** Images at `indices`, by the definition. */
function picked(images: Images, indices: ArrayLike<number>): Images {
  const size = sizeOf(images);
  const all = Array.from(indices);
  const pixels = all.flatMap((i) => [...images.pixels.subarray(i * size, (i + 1) * size)]);
  return {
    ...images,
    count: all.length,
    pixels: Uint8Array.from(pixels),
    labels: Int32Array.from(all, (i) => images.labels[i]!),
  };
}

/** What every source of images promises; `expected` are all of its images. */
export function sourceConformance(
  name: string,
  open: () => Promise<{ readonly source: ImageSource; readonly expected: Images }>,
): void {
  describe(name, () => {
    const anyIndices = (count: number) => fc.array(fc.nat(count - 1), { maxLength: 9 });
    const runs = { numRuns: 20 };

    test("says how many images it has, their shape and labels", async () => {
      const { source, expected } = await open();
      for (const fact of ["count", "height", "width", "channels", "labels"] as const)
        expect(source[fact]).toEqual(expected[fact]);
    });

    test("gives any images in any order, the same bits each time", async () => {
      const { source, expected } = await open();
      await fc.assert(
        fc.asyncProperty(anyIndices(source.count), async (indices) => {
          expect(await loadImages(source, Uint32Array.from(indices))).toEqual(picked(expected, indices));
        }),
        runs,
      );
    });

    test("gives what several ask for at once", async () => {
      const { source, expected } = await open();
      const wanted = [[0, 1], [], [2], [1, 0, 1]].map((indices) => Uint32Array.from(indices));
      expect(await Promise.all(wanted.map((indices) => loadImages(source, indices)))).toEqual(
        wanted.map((indices) => picked(expected, indices)),
      );
    });

    test("selects images, and of these again", async () => {
      const { source, expected } = await open();
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.nat(source.count - 1), { minLength: 1, maxLength: 9 }),
          fc.nat(),
          async (first, n) => {
            const part = select(source, Uint32Array.from(first));
            expect({ count: part.count, labels: part.labels }).toEqual({
              count: first.length,
              labels: picked(expected, first).labels,
            });
            const i = n % first.length;
            expect(await loadImages(select(part, Uint32Array.of(i)), Uint32Array.of(0))).toEqual(
              picked(expected, [first[i]!]),
            );
          },
        ),
        runs,
      );
    });

    test("can be sent to another thread", async () => {
      const { source, expected } = await open();
      expect(await loadImages(structuredClone(source), Uint32Array.of(2, 0))).toEqual(picked(expected, [2, 0]));
    });

    test("has the same images at least as large, of the same shape", async () => {
      const { source } = await open();
      const larger = largerOf(source);
      expect([larger.count, larger.labels, larger.channels]).toEqual([source.count, source.labels, source.channels]);
      expect(larger.height).toBeGreaterThanOrEqual(source.height);
      expect(larger.width / larger.height).toBe(source.width / source.height);
      const { pixels } = await loadImages(larger, Uint32Array.of(1, 2));
      expect(pixels).toHaveLength(2 * sizeOf(larger));
    });

    test("gives batches as they are asked for, and asks for none beyond the last", async () => {
      const { source, expected } = await open();
      const batches = [[0, 1], [2], [1], [0, 2]];
      const asked: number[] = [];
      const batchAt = prefetch(
        source,
        (k) => {
          asked.push(k);
          return k < 8 ? Uint32Array.from(batches[k / 2]!) : null;
        },
        2,
      );
      for (const k of [0, 2, 4, 6]) expect(await batchAt(k)).toEqual(picked(expected, batches[k / 2]!));
      expect([...new Set(asked)]).toEqual([0, 2, 4, 6, 8]);
      // Not in turn.
      expect(await batchAt(2)).toEqual(picked(expected, [2]));
      expect(() => batchAt(8)).toThrow(RangeError);
    });
  });
}
