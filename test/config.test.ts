import { expect, test } from "vitest";
import { differences, recordConfig, resolveConfig, spaceOf, type UserConfig } from "../src/config/config.ts";
import { mnasnetTinySpace } from "../src/space/presets.ts";
import { oneOf } from "../src/space/choice.ts";
import { defineSpace } from "../src/space/space.ts";
import type { NetworkTemplate } from "../src/space/arch.ts";
import { proxyRecipe, recipes } from "../src/train/presets.ts";

test("an empty config is the default search", () => {
  const config = resolveConfig({}, "the options");
  expect(config.space).toEqual(mnasnetTinySpace);
  expect(config).toMatchObject({
    data: "fashion-mnist",
    device: "host",
    searcher: "bayesian",
    reward: { kind: "hard" },
    target: null,
  });
  expect(config.proxy).toEqual(proxyRecipe);
});

test("every mistake is listed at once, with its place", () => {
  expect(() => resolveConfig({ trails: 8, trials: 0, proxy: { epochs: -1 } }, "mnas.config.ts"))
    .toThrowErrorMatchingInlineSnapshot(`
    [MnasError: Cannot use mnas.config.ts:
    ✖ Unrecognized key: "trails"
    ✖ Too small: expected number to be >0
      → at trials
    ✖ Too small: expected number to be >0
      → at proxy.epochs]
  `);
});

test("parts of a recipe may be changed", () => {
  const { proxy } = resolveConfig({ proxy: { epochs: 5, optimizer: { kind: "rmsprop" } } }, "the options");
  expect(proxy).toEqual({
    ...proxyRecipe,
    minSteps: 0,
    epochs: 5,
    optimizer: { kind: "rmsprop", decay: 0.9, momentum: 0.9, epsilon: 0.001 },
  });
});

test("a recipe may begin from another that has a name", () => {
  const { proxy, final } = resolveConfig({ final: { preset: "mnasnet", epochs: 100 } }, "the options");
  expect(proxy).toEqual(recipes.proxy);
  expect(final).toEqual({ ...recipes.mnasnet, epochs: 100 });
  expect(resolveConfig({ final: { preset: "small" } }, "the options").final).toEqual(recipes.small);
  expect(() => resolveConfig({ final: { preset: "imagenet" } }, "the options")).toThrow("at final.preset");
});

test("a recorded config gives its space and recipes back", () => {
  const template: NetworkTemplate = {
    stem: { kernel: 3, stride: 1, filters: 8 },
    blocks: [
      { op: "conv", kernel: oneOf("kernel", [3, 7]), stride: 1, filters: 8, layers: 1, seRatio: 0, skip: "none" },
    ],
    head: { filters: 0 },
    dropout: 0,
  };
  const config = resolveConfig(
    { space: defineSpace("mine", template), reward: (m: { accuracy: number }) => m.accuracy },
    "the options",
  );
  const recorded = JSON.parse(JSON.stringify(recordConfig(config))) as ReturnType<typeof recordConfig>;
  expect(spaceOf(recorded)).toEqual(config.space);
  expect(recorded.reward).toEqual({ kind: "custom", source: "(m) => m.accuracy", values: [0.2, 0.2, 0.9, 0.9] });
});

test("differences() sees a reward function that refers to something else", () => {
  const record = (scale: number) =>
    recordConfig(resolveConfig({ reward: (m: { accuracy: number }) => scale * m.accuracy }, "the options"));
  expect(differences(record(1), record(1))).toEqual([]);
  expect(differences(record(1), record(2))).toEqual([expect.stringContaining("gives other values")]);
});

test("differences() names what changes the meaning, and lets the budget grow", () => {
  const record = (changes: object) => recordConfig(resolveConfig(changes, "the options"));
  expect(differences(record({}), record({ trials: 99, workers: 1, finalists: 0 }))).toEqual([]);
  expect(differences(record({}), record({ seed: 1, reward: "soft" }))).toEqual([
    "seed: 0 → 1",
    'reward: {"kind":"hard"} → {"kind":"soft"}',
  ]);
});

test("each setting may change in a run that goes on, or is refused by name", () => {
  const was = recordConfig(resolveConfig({}, "the options"));
  const other: UserConfig = {
    space: "mnasnet",
    data: "/other",
    size: 64,
    device: "madds",
    sustained: true,
    target: 3,
    targets: [1, 2],
    searcher: "random",
    objective: "front",
    reward: "soft",
    trials: 64,
    batch: 4,
    workers: 3,
    seed: 1,
    gate: 3,
    flip: false,
    finalists: 2,
    finalSeeds: 5,
    baselines: 0,
    proxy: { epochs: 9 },
    final: { epochs: 9 },
    stopping: true,
    evaluate: { command: ["a"] },
    mostDamaged: 0.5,
    strictData: true,
  };
  // A setting that is added must be added here.
  expect(Object.keys(was).filter((key) => !(key in other))).toEqual([]);
  const named = Object.keys(was).map((key) => {
    const given = key as keyof UserConfig;
    const is = recordConfig(resolveConfig({ [given]: other[given] }, "the options"));
    return [key, differences(was, is).some((change) => change.startsWith(`${key}: `)) ? "refused" : "taken"];
  });
  const taken = ["data", "trials", "workers", "finalists", "finalSeeds", "baselines", "mostDamaged", "strictData"];
  expect(named).toEqual(Object.keys(was).map((key) => [key, taken.includes(key) ? "taken" : "refused"]));
});
