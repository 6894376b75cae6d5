import fc from "fast-check";
import { expect, test } from "vitest";
import { hypervolume, paretoFront } from "../src/reward/pareto.ts";
import {
  checkReward,
  ignoresTarget,
  rewardOf,
  type Metrics,
  type Reward,
  type RewardConfig,
} from "../src/reward/reward.ts";

const reward = (accuracy: number, latencyMs: number, kind: Reward, targetMs = 80): number =>
  rewardOf({ accuracy, latencyMs, params: 1000, madds: 2000 }, kind, targetMs);

const accuracy = fc.double({ min: 0.001, max: 1, noNaN: true });
const ms = fc.double({ min: 0.01, max: 10_000, noNaN: true });
const exponent = fc.double({ min: -3, max: 0, noNaN: true });
const product = fc.record({ kind: fc.constantFrom("hard" as const, "soft" as const), alpha: exponent, beta: exponent });
const absolute = fc.record({ kind: fc.constant("absolute" as const), beta: exponent });
const anyKind: fc.Arbitrary<RewardConfig> = fc.oneof(
  product,
  absolute,
  fc.constantFrom<RewardConfig>({ kind: "hard" }, { kind: "soft" }, { kind: "absolute" }),
);

test.each<[Reward, number, number]>([
  [{ kind: "hard" }, 40, 0.7],
  [{ kind: "hard" }, 80, 0.7],
  [{ kind: "hard" }, 160, 0.35],
  [{ kind: "soft" }, 40, 0.7 * 2 ** 0.07],
  [{ kind: "soft" }, 160, 0.7 * 2 ** -0.07],
  [{ kind: "absolute" }, 40, 0.65],
  [{ kind: "absolute" }, 160, 0.6],
  [{ kind: "hard", alpha: -0.5 }, 20, 1.4],
  [{ kind: "soft", beta: -2, alpha: undefined }, 160, 0.175],
  [{ kind: "absolute", beta: -0.5 }, 120, 0.45],
])("%j rewards an accuracy of 0.7 in %d ms, where 80 are wanted, by %d", (kind, latencyMs, expected) => {
  expect(reward(0.7, latencyMs, kind)).toBeCloseTo(expected, 12);
});

test("twice the latency is worth 5 % of the accuracy in the soft reward, as the paper has it", () => {
  expect(reward(0.7 * 1.05, 2 * 60, { kind: "soft" }) / reward(0.7, 60, { kind: "soft" })).toBeCloseTo(1, 3);
});

test("at the target the reward is the accuracy", () => {
  fc.assert(
    fc.property(accuracy, ms, anyKind, (acc, target, kind) => {
      expect(reward(acc, target, kind, target)).toBeCloseTo(acc, 12);
    }),
  );
});

test("more accuracy at the same latency is a greater reward", () => {
  fc.assert(
    fc.property(accuracy, accuracy, ms, ms, anyKind, (a, b, latency, target, kind) => {
      // Beyond these ratios a double rounds the accuracy away.
      fc.pre(Math.abs(a - b) > 1e-3 && latency / target < 100 && target / latency < 100);
      expect(reward(a, latency, kind, target) > reward(b, latency, kind, target)).toBe(a > b);
    }),
  );
});

test("less latency at the same accuracy is never a smaller product, and above the target a greater one", () => {
  fc.assert(
    fc.property(accuracy, ms, ms, ms, product, (acc, a, b, target, kind) => {
      const [fast, slow] = [Math.min(a, b), Math.max(a, b)];
      // With exponents far apart the two halves still meet at the target.
      const difference = reward(acc, fast, kind, target) - reward(acc, slow, kind, target);
      expect(difference).toBeGreaterThanOrEqual(-1e-12 * reward(acc, fast, kind, target));
      if (fast > target && slow > 1.01 * fast && kind.beta < -0.01) expect(difference).toBeGreaterThan(0);
    }),
  );
});

test("the absolute reward falls alike on both sides of the target", () => {
  fc.assert(
    fc.property(accuracy, ms, absolute, fc.double({ min: 0, max: 0.99, noNaN: true }), (acc, target, kind, off) => {
      expect(reward(acc, target * (1 + off), kind, target)).toBeCloseTo(
        reward(acc, target * (1 - off), kind, target),
        12,
      );
      expect(reward(acc, target * (1 + off), kind, target)).toBeLessThanOrEqual(acc + 1e-12);
    }),
  );
});

test("the unit of time does not matter", () => {
  fc.assert(
    fc.property(accuracy, ms, ms, anyKind, fc.integer({ min: -20, max: 20 }), (acc, latency, target, kind, power) => {
      // Powers of two scale without rounding.
      const unit = 2 ** power;
      expect(reward(acc, unit * latency, kind, unit * target)).toBe(reward(acc, latency, kind, target));
    }),
  );
});

test("ignoresTarget() says where the target cancels out: no target then changes which of two networks is better", () => {
  fc.assert(
    fc.property(accuracy, accuracy, ms, ms, ms, ms, exponent, (a, b, x, y, t, u, w) => {
      const kind = { kind: "soft", alpha: w, beta: w } as const;
      expect(ignoresTarget(kind)).toBe(true);
      const ratio = (target: number): number => reward(a, x, kind, target) / reward(b, y, kind, target);
      expect(Math.abs(ratio(t) / ratio(u) - 1)).toBeLessThan(1e-9);
    }),
  );
});

test("ignoresTarget() says where the target counts, and then there are networks that show it", () => {
  fc.assert(
    fc.property(product, (kind) => {
      expect(ignoresTarget(kind)).toBe(kind.alpha === kind.beta);
      // Equally good within one exponent; across the target the other one counts.
      fc.pre(Math.abs(kind.alpha - kind.beta) > 0.01);
      const gap = (target: number): number => reward(0.5, 40, kind, target) / reward(0.5, 160, kind, target);
      expect(Math.abs(gap(20) - gap(320))).toBeGreaterThan(1e-3);
    }),
  );
  expect(
    [{ kind: "hard" }, { kind: "soft" }, { kind: "absolute" }].map((kind) => ignoresTarget(kind as RewardConfig)),
  ).toEqual([false, true, false]);
  expect(ignoresTarget({ kind: "absolute", beta: 0 })).toBe(true);
  expect(ignoresTarget({ kind: "hard", beta: 0 })).toBe(true);
  expect(ignoresTarget(() => 1)).toBe(false);
});

test("a function of the user's own sees everything, and must give a finite number", () => {
  const seen: unknown[] = [];
  expect(
    reward(0.6, 30, (metrics) => (seen.push(metrics), metrics.accuracy - metrics.params / metrics.madds)),
  ).toBeCloseTo(0.1, 12);
  expect(seen).toEqual([{ accuracy: 0.6, latencyMs: 30, params: 1000, madds: 2000, targetMs: 80 }]);
  for (const value of [NaN, Infinity, -Infinity, undefined as unknown as number, "1" as unknown as number]) {
    expect(() => reward(0.6, 30, () => value)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  }
  expect(() => reward(0.6, 30, () => NaN)).toThrow(
    'Cannot reward {"accuracy":0.6,"latencyMs":30,"params":1000,"madds":2000,"targetMs":80}: the reward is NaN, must be a finite number',
  );
});

test("a function that throws is the user's to mend, and is found out before the search", () => {
  const error = new TypeError("no such thing");
  const throws = (): never => {
    throw error;
  };
  expect(() => reward(0.6, 30, throws)).toThrow(
    expect.objectContaining({ code: "CONFIG_INVALID", cause: error, message: expect.stringContaining(String(error)) }),
  );
  expect(() => checkReward(throws, 80)).toThrow("no such thing");
  expect(() => checkReward(({ latencyMs, targetMs }) => (latencyMs < targetMs ? NaN : 1), 80)).toThrow("NaN");
  expect(() => checkReward(({ latencyMs, targetMs }) => (latencyMs > targetMs ? NaN : 1), 80)).toThrow("NaN");
  checkReward(({ madds }) => madds, 80);
});

/** So few values that ties are common. */
const trials = fc.array(
  fc.record({ accuracy: fc.integer({ min: 0, max: 6 }), latencyMs: fc.integer({ min: 1, max: 7 }) }),
  { maxLength: 14 },
);

const beats = (a: Metrics, b: Metrics): boolean =>
  a.accuracy >= b.accuracy && a.latencyMs <= b.latencyMs && (a.accuracy > b.accuracy || a.latencyMs < b.latencyMs);
const isEqual = (a: Metrics, b: Metrics): boolean => a.accuracy === b.accuracy && a.latencyMs === b.latencyMs;

test("paretoFront() keeps what no other trial beats, the first of equals, fastest first", () => {
  fc.assert(
    fc.property(trials, (all) => {
      const kept = all.filter(
        (trial, i) => !all.some((other, j) => beats(other, trial) || (j < i && isEqual(other, trial))),
      );
      const front = paretoFront(all);
      // The very objects, not equal ones.
      expect(front.map((trial) => all.indexOf(trial))).toEqual(
        kept.toSorted((a, b) => a.latencyMs - b.latencyMs).map((trial) => all.indexOf(trial)),
      );
    }),
  );
});

test("hypervolume() is the area that a trial dominates: of whole numbers, the count of its squares", () => {
  fc.assert(
    fc.property(trials, fc.integer({ min: 0, max: 6 }), fc.integer({ min: 1, max: 8 }), (all, floor, slowest) => {
      let squares = 0;
      for (let acc = floor; acc < 6; acc++) {
        for (let latency = 1; latency < slowest; latency++) {
          if (all.some((trial) => trial.accuracy > acc && trial.latencyMs <= latency)) squares += 1;
        }
      }
      expect(hypervolume(all, { accuracy: floor, latencyMs: slowest })).toBe(squares);
    }),
  );
});
