import fc from "fast-check";
import { expect, test } from "vitest";
import { cos, exp, log, pow, sigmoid, tanh } from "../src/util/math.ts";
import { bytesOfName, textOfName } from "../src/util/names.ts";
import { createRng } from "../src/util/rng.ts";

const close = (ours: number, theirs: number): boolean =>
  Math.abs(ours - theirs) <= 4e-15 * Math.max(1e-300, Math.abs(theirs));

test("exp(), log(), pow(), tanh(), sigmoid() and cos() agree with the platform's", () => {
  fc.assert(
    fc.property(fc.double({ min: -700, max: 700, noNaN: true }), (x) => {
      expect(close(exp(x), Math.exp(x))).toBe(true);
      expect(Math.abs(tanh(x / 50) - Math.tanh(x / 50))).toBeLessThan(1e-15);
      expect(close(sigmoid(x / 2), 1 / (1 + Math.exp(-x / 2)))).toBe(true);
      expect(Math.abs(cos((x / 700) * Math.PI) - Math.cos((x / 700) * Math.PI))).toBeLessThan(1e-14);
    }),
  );
  fc.assert(
    fc.property(fc.double({ min: 1e-320, max: 1e300, noNaN: true }), (x) => {
      expect(Math.abs(log(x) - Math.log(x))).toBeLessThanOrEqual(4e-15 * Math.max(0.01, Math.abs(Math.log(x))));
    }),
  );
  expect(close(pow(2, -0.07), 2 ** -0.07)).toBe(true);
});

test("the same functions at the ends of their range", () => {
  expect([exp(0), exp(-1e9), exp(1e9), exp(NaN)]).toEqual([1, 0, Infinity, NaN]);
  expect([log(1), log(0), log(-1), log(Infinity)]).toEqual([0, -Infinity, NaN, Infinity]);
  expect([sigmoid(-1e4), sigmoid(1e4), tanh(-1e4), tanh(1e4)]).toEqual([0, 1, -1, 1]);
});

test("createRng() is decided by its seed, and forks by their labels", () => {
  const draw = (seed: string | number): number[] => {
    const rng = createRng(seed);
    return [rng.next(), rng.int(1000), rng.normal()];
  };
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
  const used = createRng(1);
  for (let i = 0; i < 10; i++) used.next();
  expect(used.fork("a").next()).toBe(createRng(1).fork("a").next());
  expect(createRng(1).fork("a").next()).not.toBe(createRng(1).fork("b").next());
});

test("the same seed gives the same numbers on every machine", () => {
  const rng = createRng("golden");
  expect([rng.next(), rng.int(1_000_000), rng.normal()]).toMatchInlineSnapshot(`
    [
      0.5680976909756964,
      415338,
      -3.0870807393707227,
    ]
  `);
});

test("next() is uniform, normal() is normal", () => {
  const rng = createRng(3);
  const moments = (draw: () => number) => {
    let [sum, squares] = [0, 0];
    for (let i = 0; i < 20_000; i++) {
      const x = draw();
      sum += x;
      squares += x * x;
    }
    return [sum / 20_000, squares / 20_000];
  };
  const [mean, second] = moments(() => rng.next());
  expect(mean).toBeCloseTo(1 / 2, 1);
  expect(second).toBeCloseTo(1 / 3, 1);
  const [zero, variance] = moments(() => rng.normal());
  expect(Math.abs(zero!)).toBeLessThan(0.03);
  expect(Math.abs(variance! - 1)).toBeLessThan(0.05);
});

test("shuffle() permutes", () => {
  const items = Array.from({ length: 50 }, (_, i) => i);
  const shuffled = createRng(1).shuffle([...items]);
  expect(shuffled).not.toEqual(items);
  expect(shuffled.toSorted((a, b) => a - b)).toEqual(items);
});

test("a name of any bytes is had again from its text, also with a byte order mark", () => {
  const mark = Uint8Array.of(0xef, 0xbb, 0xbf);
  const bytes = fc.uint8Array({ min: 1, maxLength: 12 });
  const parts = fc.array(fc.oneof(bytes, fc.constant(mark)), { maxLength: 4 });
  fc.assert(
    fc.property(parts, (all) => {
      const name = Buffer.concat(all);
      expect(bytesOfName(textOfName(name))).toEqual(name);
    }),
  );
});
