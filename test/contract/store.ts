import { describe, expect, test } from "vitest";
import type { Proposal, Store } from "../../src/store/store.ts";

export const proposal = (number: number, notation = `network ${number}`): Proposal => ({
  phase: "search",
  number,
  genotype: [number, 0],
  notation,
  params: 10,
  madds: 20,
});
const key = (number: number) => ({ phase: "search" as const, number });
const latency = { medianMs: 1.5, device: "test" };
const result = { accuracy: 0.9, testAccuracy: null, seconds: 3 };
const claim = (worker: string, now = 0) => ({ worker, now, leaseMs: 100 });

/** What every store promises. */
export function storeConformance(name: string, create: () => Store): void {
  const filled = (count: number): Store => {
    const store = create();
    store.add(Array.from({ length: count }, (_, i) => proposal(i)));
    for (let i = 0; i < count; i++) store.measured(key(i), latency);
    return store;
  };

  describe(name, () => {
    test("keeps what it is told", () => {
      using store = filled(2);
      store.claim(claim("a"));
      store.complete(key(0), "a", result);
      store.setReward(key(0), 0.5);
      expect(store.trials("search")[0]).toEqual({
        ...proposal(0),
        state: "complete",
        reference: null,
        source: null,
        seed: 0,
        epochs: null,
        latency,
        accuracy: 0.9,
        testAccuracy: null,
        reward: 0.5,
        bars: null,
        rungs: null,
        reason: null,
        attempts: 0,
        seconds: 3,
      });
      expect(store.trial(key(7))).toBe(null);
      store.set("flags", ["size"]);
      expect([store.get("flags"), store.get("created")]).toEqual([["size"], null]);
    });

    test("adds all proposals or none", () => {
      using store = filled(2);
      expect(() => store.add([proposal(2), proposal(1)])).toThrow();
      expect(store.trials("search")).toHaveLength(2);
    });

    test("offers measured trials once each, in order", () => {
      using store = create();
      store.add([proposal(0), proposal(1), proposal(2)]);
      expect(store.claim(claim("a"))).toBe(null);
      store.measured(key(2), latency);
      store.measured(key(1), latency);
      expect([store.claim(claim("a"))?.number, store.claim(claim("b"))?.number, store.claim(claim("c"))]).toEqual([
        1,
        2,
        null,
      ]);
    });

    test("does not offer a pruned trial", () => {
      using store = filled(1);
      store.prune(key(0), "too slow");
      expect(store.claim(claim("a"))).toBe(null);
      expect(store.trial(key(0))).toMatchObject({ state: "pruned", reason: "too slow" });
    });

    test("keeps what a training has to reach on the way, and how one ended that did not", () => {
      using store = filled(2);
      expect(store.claim(claim("a"))?.bars).toBe(null);
      expect(store.reached(key(0), "b", [0.6])).toBe(false);
      expect(store.reached(key(0), "a", [0.6])).toBe(true);
      store.setBars(key(0), [0.5, Infinity]);
      const bars = [0.5, null];
      expect(store.trial(key(0))).toMatchObject({ rungs: [0.6], bars, state: "running" });
      const stop = { rungs: [0.6, 0.9], seconds: 1, reason: "after 50 %" };
      expect(store.stop(key(0), "b", stop)).toBe(false);
      expect(store.stop(key(0), "a", stop)).toBe(true);
      expect(store.trial(key(0))).toMatchObject({ ...stop, bars, state: "stopped", accuracy: null });
      store.reuse(key(1), 0);
      expect(store.trial(key(1))).toMatchObject({
        rungs: stop.rungs,
        reason: stop.reason,
        state: "stopped",
        source: 0,
      });
      store.setBars(key(0), [0]);
      expect(store.trial(key(0))?.bars).toEqual(bars);
    });

    test("gives a trial whose lease ran out to another, and refuses the late result", () => {
      using store = filled(1);
      store.claim(claim("a", 0));
      expect(store.claim(claim("b", 50))).toBe(null);
      expect(store.claim(claim("b", 101))).toMatchObject({ number: 0, attempts: 1 });
      expect(store.renew(key(0), claim("a", 102))).toBe(false);
      expect(store.complete(key(0), "a", result)).toBe(false);
      expect(store.fail(key(0), "a", "late")).toBe(false);
      expect(store.complete(key(0), "b", { ...result, accuracy: 0.8 })).toBe(true);
      expect(store.trial(key(0))?.accuracy).toBe(0.8);
    });

    test("says that a trial is held up at a rung by one before it whose lease ran out", () => {
      using store = filled(3);
      for (const [worker, now] of [
        ["a", 50],
        ["b", 0],
        ["c", 0],
      ] as const)
        store.claim(claim(worker, now));
      expect([0, 1, 2].map((number) => store.isHeldUp(key(number), 0, 101))).toEqual([false, false, true]);
      expect(store.isHeldUp(key(2), 0, 99)).toBe(false);
      store.reached(key(1), "b", [0.5]);
      expect([0, 1].map((rung) => store.isHeldUp(key(2), rung, 101))).toEqual([false, true]);
    });

    test("keeps a renewed lease", () => {
      using store = filled(1);
      store.claim(claim("a", 0));
      expect(store.renew(key(0), claim("a", 90))).toBe(true);
      expect(store.claim(claim("b", 150))).toBe(null);
    });

    test("fails a trial whose worker died three times", () => {
      using store = filled(1);
      for (const worker of ["a", "b", "c"]) {
        expect(store.claim(claim(worker))?.number).toBe(0);
        expect(store.release(worker, true)).toMatchObject({ number: 0, state: worker === "c" ? "failed" : "waiting" });
      }
      expect(store.release("c", true)).toBe(null);
      expect(store.claim(claim("d"))).toBe(null);
      expect(store.trial(key(0))).toMatchObject({ state: "failed", reason: "its worker died 3 times", attempts: 3 });
    });

    test("fails a trial that cannot be measured, which nobody can claim then", () => {
      using store = filled(1);
      store.reject(key(0), "it does not run");
      expect(store.claim(claim("a"))).toBe(null);
      expect(store.trial(key(0))).toMatchObject({ state: "failed", reason: "it does not run", attempts: 0 });
    });

    test("fails a trial whose workers stopped answering three times", () => {
      using store = filled(1);
      for (const now of [0, 200, 400]) expect(store.claim(claim(`at ${now}`, now))?.number).toBe(0);
      expect(store.claim(claim("d", 600))).toBe(null);
      expect(store.trial(key(0))).toMatchObject({ state: "failed", reason: "its workers stopped answering" });
    });

    test("counts no attempt when a trial is given back on purpose", () => {
      using store = filled(2);
      for (let i = 0; i < 5; i++) {
        store.claim(claim("a"));
        store.claim(claim("b"));
        store.release("a", false);
        store.releaseAll();
      }
      expect(store.trials("search").map(({ state, attempts }) => [state, attempts])).toEqual([
        ["waiting", 0],
        ["waiting", 0],
      ]);
    });

    test("reuses the result of an equal network, but not an unfinished one", () => {
      using store = filled(1);
      store.add([proposal(1, "network 0")]);
      store.reuse(key(1), 0);
      expect(store.trial(key(1))?.state).toBe("waiting");
      store.claim(claim("a"));
      store.complete(key(0), "a", result);
      store.reuse(key(1), 0);
      expect(store.trial(key(1))).toMatchObject({ state: "complete", accuracy: 0.9, latency, source: 0, reward: null });
    });

    test("keeps the phases apart, and offers the search first", () => {
      using store = filled(1);
      store.add([{ ...proposal(0), phase: "final", genotype: null, reference: "mobilenet-v2" }]);
      store.measured({ phase: "final", number: 0 }, latency);
      expect([store.claim(claim("a"))?.phase, store.claim(claim("b"))?.phase]).toEqual(["search", "final"]);
    });

    test("keeps the trainings of a network apart by their seeds", () => {
      using store = create();
      const { phase: _phase, number: _number, ...any } = proposal(0);
      const seeds = (...some: number[]) => some.map((seed) => ({ ...any, seed }));
      const finals = () => store.trials("final").map(({ number, seed }) => [number, seed]);
      store.replaceFinals(seeds(0, 1));
      store.replaceFinals(seeds(1, 2));
      expect(finals()).toEqual([
        [1, 1],
        [2, 2],
      ]);
    });

    test("offers a trial with the seed and the epochs that it was proposed with", () => {
      using store = create();
      store.add([{ ...proposal(0), seed: 3, epochs: 0.5 }]);
      store.measured(key(0), latency);
      expect(store.claim(claim("a"))).toMatchObject({ seed: 3, epochs: 0.5 });
    });

    test("keeps the finals that are chosen again, and trains a lost one again", () => {
      using store = create();
      const { phase: _phase, number: _number, ...any } = proposal(0);
      const chosen = (...names: string[]) => names.map((notation) => ({ ...any, notation }));
      const finals = () => store.trials("final").map(({ number, notation, state }) => [number, notation, state]);
      store.replaceFinals(chosen("a", "b"));
      store.measured({ phase: "final", number: 1 }, latency);
      store.claim(claim("w"));
      store.complete({ phase: "final", number: 1 }, "w", result);
      store.replaceFinals(chosen("c", "b"));
      expect(finals()).toEqual([
        [1, "b", "complete"],
        [2, "c", "waiting"],
      ]);
      store.retry({ phase: "final", number: 1 });
      expect(store.claim(claim("w"))).toMatchObject({ number: 1, accuracy: null, attempts: 0 });
    });
  });
}
