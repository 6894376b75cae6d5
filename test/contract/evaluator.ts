import { existsSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildGraph } from "../../src/arch/build.ts";
import { changed } from "../../src/config/config.ts";
import type { Evaluation, Evaluator, Order, Step } from "../../src/evaluator/evaluator.ts";
import { parametersOf } from "../../src/graph/graph.ts";
import { parseArch } from "../../src/space/notation.ts";
import { proxyRecipe } from "../../src/train/presets.ts";
import { scratch } from "../mnas.ts";

const notation = "in28x28x1 stem8_k3_s22 r1_k3_s22_conv_i8_o8 head0 classes10";
const recipe = changed(proxyRecipe, { epochs: 0.05, batch: 32 });
const never = new AbortController().signal;

/** An order that takes no time; its scratch file is in `dir`. */
export const orderOf = (dir: string, changes: Partial<Order> = {}): Order => ({
  phase: "search",
  notation,
  recipe,
  seed: "a",
  withTest: false,
  scratchFile: join(dir, "scratch", "weights"),
  ...changes,
});

/** All that an evaluation says on the way, and its result. */
export async function evaluated(
  evaluator: Evaluator,
  order: Order,
  signal = never,
): Promise<{ steps: Step[]; result: Evaluation }> {
  const steps: Step[] = [];
  const evaluation = evaluator.evaluate(order, signal);
  for (;;) {
    const { done, value } = await evaluation.next();
    if (done === true) return { steps, result: value };
    steps.push({ step: value.step, steps: value.steps });
  }
}

/** What everything that trains networks for a search promises. */
export function evaluatorConformance(name: string, open: (dir: string) => Promise<Evaluator>): void {
  describe(name, () => {
    const folder = scratch();
    let evaluator: Evaluator;
    beforeAll(async () => {
      evaluator = await open(folder.dir);
    });
    afterAll(() => {
      evaluator[Symbol.dispose]();
      folder[Symbol.dispose]();
    });

    test("gives shares of correct answers, on the test images only when asked", async () => {
      const { result } = await evaluated(evaluator, orderOf(folder.dir));
      expect(result.accuracy).toBeGreaterThanOrEqual(0);
      expect(result.accuracy).toBeLessThanOrEqual(1);
      expect(result.testAccuracy).toBe(null);
      expect(result.seconds).toBeGreaterThan(0);
      const tested = await evaluated(evaluator, orderOf(folder.dir, { phase: "final", withTest: true }));
      expect(tested.result.testAccuracy).toBeGreaterThanOrEqual(0);
      expect(tested.result.testAccuracy).toBeLessThanOrEqual(1);
    });

    test("is decided by network and seed", async () => {
      const of = async (seed: string) => (await evaluated(evaluator, orderOf(folder.dir, { seed }))).result;
      const [first, again, other] = [await of("a"), await of("a"), await of("b")];
      expect([again.accuracy, again.weights]).toEqual([first.accuracy, first.weights]);
      expect(other.weights).not.toEqual(first.weights);
    });

    test("says how far it is, and never less than before", async () => {
      const { steps } = await evaluated(evaluator, orderOf(folder.dir));
      expect(steps.length).toBeGreaterThan(0);
      expect(steps.map(({ step }) => step)).toEqual(steps.map(({ step }) => step).toSorted((x, y) => x - y));
      for (const { step, steps: all } of steps) expect(step).toBeLessThanOrEqual(all);
    });

    test("gives weights that fit the network, and leaves no file", async () => {
      const order = orderOf(folder.dir);
      const { result } = await evaluated(evaluator, order);
      const shapes = parametersOf(buildGraph(parseArch(notation)));
      expect(Object.fromEntries([...result.weights!].map(([key, values]) => [key, values.length]))).toEqual(
        Object.fromEntries(shapes.map(({ name: key, shape }) => [key, shape.reduce((n, d) => n * d, 1)])),
      );
      expect(existsSync(order.scratchFile)).toBe(false);
    });

    test("fails a network that cannot be trained, and goes on", async () => {
      const wild = { ...recipe, learningRate: 1e30 };
      await expect(evaluated(evaluator, orderOf(folder.dir, { recipe: wild }))).rejects.toMatchObject({
        name: "EvaluationFailed",
        message: expect.stringMatching(/loss/),
      });
      await evaluated(evaluator, orderOf(folder.dir));
    });

    test("stops when the signal is aborted, says why, and goes on", async () => {
      const reason = new Error("enough");
      await expect(evaluated(evaluator, orderOf(folder.dir), AbortSignal.abort(reason))).rejects.toBe(reason);
      const stop = new AbortController();
      const evaluation = evaluator.evaluate(orderOf(folder.dir), stop.signal);
      await evaluation.next();
      stop.abort(reason);
      await expect(evaluation.next()).rejects.toBe(reason);
      await evaluated(evaluator, orderOf(folder.dir));
    });

    test("may be closed twice", async () => {
      const other = await open(folder.dir);
      await evaluated(other, orderOf(folder.dir));
      other[Symbol.dispose]();
      other[Symbol.dispose]();
    });
  });
}
