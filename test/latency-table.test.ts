import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { provenanceOf } from "../src/device/provenance.ts";
import { keyOf, layeredParts } from "../src/device/table/parts.ts";
import { profile } from "../src/device/table/profile.ts";
import { partsOfSpace } from "../src/device/table/space.ts";
import { emptyTable, predictWith, type LatencyTable } from "../src/device/table/table.ts";
import type { LatencyDevice } from "../src/device/device.ts";
import { MnasError } from "../src/errors.ts";
import { archOf, type Arch } from "../src/space/arch.ts";
import { mnasnetSpace, mnasnetTinySpace } from "../src/space/presets.ts";
import { sample } from "../src/space/space.ts";
import { buildNetwork } from "../src/arch/network.ts";
import { deviceModel } from "../src/device/model.ts";
import { createRng } from "../src/util/rng.ts";
import { additiveDevice, randomModel, smallSpace, syntheticDevice, task } from "./latency-devices.ts";
import { mnas, scratch, start } from "./mnas.ts";

const emptyTableOf = async (device: LatencyDevice): Promise<LatencyTable> =>
  emptyTable(provenanceOf(device, await additiveDevice().measure(randomModel(0))), { space: smallSpace.name, task });

const parts = partsOfSpace(smallSpace, task);
const networks = [1, 2, 3, 4, 5, 6].map((seed) => randomModel(seed).arch!);
const modelOf = (arch: Arch) => deviceModel(buildNetwork(arch));

const profiled = async (device: LatencyDevice, from?: LatencyTable): Promise<LatencyTable> =>
  profile(from ?? (await emptyTableOf(device)), { device, task, parts, networks, modelOf, onProgress: () => {} });

test("partsOfSpace() has every part that a network of the space has, and no other", () => {
  const indices = smallSpace.decisions.reduce<number[][]>(
    (all, { choices }) => all.flatMap((taken) => choices.map((_, i) => [...taken, i])),
    [[]],
  );
  const all = new Set(indices.flatMap((genotype) => layeredParts(archOf(smallSpace, genotype, task)).map(keyOf)));
  const counted = parts.map(keyOf);
  expect(new Set(counted)).toEqual(all);
  expect(counted).toHaveLength(all.size);
});

test("partsOfSpace() counts the layers of the presets", () => {
  const tiny = partsOfSpace(mnasnetTinySpace, { height: 28, width: 28, channels: 1, classes: 10 });
  expect(tiny).toHaveLength(1652);
  const keys = new Set(tiny.map(keyOf));
  for (let i = 0; i < 50; i++) {
    const arch = archOf(mnasnetTinySpace, sample(mnasnetTinySpace, createRng(i)), {
      height: 28,
      width: 28,
      channels: 1,
      classes: 10,
    });
    expect(layeredParts(arch).filter((part) => !keys.has(keyOf(part)))).toEqual([]);
  }
  expect(partsOfSpace(mnasnetSpace, { height: 96, width: 96, channels: 3, classes: 1000 })).toHaveLength(2836);
});

test("a table of a device whose times are sums predicts them exactly", async () => {
  const device = additiveDevice();
  const table = await profiled(device);
  expect(table.isComplete).toBe(true);
  expect(table.scale).toBeCloseTo(1, 10);
  for (let seed = 100; seed < 150; seed++) {
    const model = randomModel(seed);
    const { medianMs } = await device.measure(model);
    expect(predictWith(table, model.arch!, model.name)).toBeCloseTo(medianMs, 10);
  }
});

test("a device on which whole networks take longer than their layers is predicted by scale", async () => {
  const additive = additiveDevice();
  // Small networks, as those around one layer, have no more than two parts besides the layer.
  const device: LatencyDevice = {
    ...additive,
    measure: async (model, options) => {
      const latency = await additive.measure(model, options);
      const isWhole = layeredParts(model.arch!).length > 3 || model.arch!.blocks.length > 1;
      return isWhole ? { ...latency, medianMs: 1.2 * latency.medianMs } : latency;
    },
  };
  const table = await profiled(device);
  expect(table.scale).toBeCloseTo(1.2, 10);
  expect(table.heldOut!.mape).toBeCloseTo(0, 10);
});

test("a table says how far off it is, by whole networks that had no part in its scale", async () => {
  const additive = additiveDevice();
  let whole = 0;
  const device: LatencyDevice = {
    ...additive,
    measure: async (model, options) => {
      const latency = await additive.measure(model, options);
      if (layeredParts(model.arch!).length <= 3 && model.arch!.blocks.length < 2) return latency;
      // One network of all takes twice as long, and one was disturbed.
      const number = whole++;
      if (number === 1) return { ...latency, medianMs: 100 * latency.medianMs, isUnstable: true };
      return number === 0 ? { ...latency, medianMs: 2 * latency.medianMs } : latency;
    },
  };
  const { scale, heldOut } = await profiled(device);
  expect(scale).toBeCloseTo(1, 10);
  expect(heldOut).toMatchObject({ networks: networks.length - 1 });
  expect(heldOut!.mape).toBeCloseTo(0.5 / (networks.length - 1), 10);
});

test("a missing entry is named with the nearest of its kind, whatever its size", async () => {
  const small = { height: 28, width: 28, channels: 1, classes: 10 };
  const arch = archOf(mnasnetTinySpace, sample(mnasnetTinySpace, createRng(1)), small);
  const entries = {
    "112x112 r1_k3_s11_e1_i32_o16": 1,
    "224x224x3 stem32_k3_s22": 1,
    "192x192x3 stem32_k3_s22": 1,
    "28x28x1 head16 classes10": 1,
  };
  const table = { ...(await emptyTableOf(additiveDevice())), task: null, entries };
  expect(() => predictWith(table, arch, "it")).toThrow('the nearest it has is "192x192x3 stem32_k3_s22"');
});

test("profile() goes on where it was, and measures again what was not stable", async () => {
  const device = additiveDevice();
  const whole = await profiled(device);
  const [first, second] = Object.keys(whole.entries) as [string, string];
  const { [first]: _, ...rest } = whole.entries;
  const names: string[] = [];
  const counting = {
    ...device,
    measure: async (...args: Parameters<LatencyDevice["measure"]>) => {
      names.push(args[0].name);
      return device.measure(...args);
    },
  };
  const partial = { ...whole, isComplete: false, entries: { ...rest, [second]: 99 }, unstable: [second] };
  const again = await profiled(counting, partial);
  expect(again.entries[first]).toBeCloseTo(whole.entries[first]!, 10);
  expect(again.entries[second]).toBeCloseTo(whole.entries[second]!, 10);
  expect(again.unstable).toEqual([]);
  expect(names.length).toBeLessThanOrEqual(2 + 2 + networks.length);
  names.length = 0;
  expect(await profiled(counting, whole)).toEqual(whole);
  expect(names).toEqual([]);
});

test("a layer that was measured on an unstable device is measured once more, with its base, when all others are done", async () => {
  const device = additiveDevice();
  const whole = await profiled(device);
  const flaky = async (times: number, isFlaky: (name: string) => boolean): Promise<[LatencyTable, string[]]> => {
    const seen = new Map<string, number>();
    const names: string[] = [];
    const measure: LatencyDevice["measure"] = async (model, options) => {
      names.push(model.name);
      seen.set(model.name, (seen.get(model.name) ?? 0) + 1);
      const latency = await device.measure(model, options);
      const isUnstable = isFlaky(model.name) && seen.get(model.name)! <= times;
      return { ...latency, isUnstable, medianMs: latency.medianMs + (isUnstable ? 1 : 0) };
    };
    return [await profiled({ ...device, measure }), names];
  };
  const isLayer = (name: string): boolean => name.includes("_k5_");
  const [repeated, names] = await flaky(1, isLayer);
  expect(repeated.unstable).toEqual([]);
  for (const [key, ms] of Object.entries(whole.entries)) expect(repeated.entries[key]).toBeCloseTo(ms, 10);
  const first = names.findIndex(isLayer);
  const last = names.lastIndexOf(names[first]!);
  expect(names.filter((name) => name === names[first])).toHaveLength(2);
  const others = names.filter(
    (name) => name.includes(" r") && !isLayer(name) && !networks.some((arch) => modelOf(arch).name === name),
  );
  expect(last).toBeGreaterThan(Math.max(...others.map((name) => names.indexOf(name))));
  const [never] = await flaky(2, isLayer);
  expect(new Set(never.unstable)).toEqual(new Set(Object.keys(whole.entries).filter(isLayer)));
  expect(never.isComplete).toBe(true);

  const isBase = (name: string): boolean => name.includes("_k1_s11 head0");
  const [based] = await flaky(1, isBase);
  expect(based.unstable).toEqual([]);
  for (const [key, ms] of Object.entries(whole.entries)) expect(based.entries[key]).toBeCloseTo(ms, 10);
  expect((await flaky(100, isBase))[0].unstable).toEqual(
    expect.arrayContaining(parts.filter(({ kind }) => kind !== "stem").map(keyOf)),
  );
});

test("a layer that the device cannot run is missing in the table, which says so when it is asked", async () => {
  const device = syntheticDevice(({ name }) => {
    if (name.includes("_k5_")) throw new MnasError("MODEL_INVALID", "Cannot run it");
    return 1;
  });
  const table = await profiled(device);
  expect(table.isComplete).toBe(false);
  const large = parts.filter((part) => keyOf(part).includes("_k5_"));
  expect(Object.keys(table.entries)).toHaveLength(parts.length - large.length);
  const [taken] = networks;
  const arch = { ...taken!, blocks: [taken!.blocks[0]!, { ...taken!.blocks[1]!, kernel: 5 }] };
  expect(() => predictWith(table, arch, "it")).toThrow(
    expect.objectContaining({
      code: "MODEL_INVALID",
      message: expect.stringMatching(
        /^Cannot predict "it": the latency table has no ".*_k5_.*"; the nearest it has is ".*_k3_/,
      ),
    }),
  );
});

test("an entry of a whole block is taken before those of its layers", async () => {
  const table = { ...(await profiled(additiveDevice())), scale: 1 };
  const arch = { ...networks[0]!, blocks: [{ ...networks[0]!.blocks[0]!, layers: 3 }, networks[0]!.blocks[1]!] };
  const [stem] = layeredParts(arch);
  const size = [10, 10, arch.stem.filters] as const;
  const key = keyOf({ kind: "block", size, block: arch.blocks[0]! });
  expect(keyOf(stem!)).toContain("20x20x1 stem");
  const layers = layeredParts(arch).slice(1, 4);
  const own = layers.reduce((sum, part) => sum + table.entries[keyOf(part)]!, 0);
  const before = predictWith(table, arch, "it");
  const after = predictWith({ ...table, entries: { ...table.entries, [key]: 5 } }, arch, "it");
  expect(after).toBeCloseTo(before - own + 5, 10);
});

test("mnas profile, killed and started again, ends in the table that it would have made at once", async () => {
  using folder = scratch();
  const args = (out: string) => ["profile", "--device", "madds", "--out", out, "--json"];
  const { child, ended } = start(args("killed.json"), folder.dir);
  for (let said = ""; !said.includes('"progress"');) said += String((await once(child.stdout!, "data"))[0]);
  child.kill("SIGKILL");
  await ended;
  const partial = JSON.parse(readFileSync(join(folder.dir, "killed.json"), "utf8")) as LatencyTable;
  expect(partial.isComplete).toBe(false);
  const known = Object.keys(partial.entries).length;
  expect(known).toBeGreaterThan(0);
  const [again, atOnce] = await Promise.all([
    mnas(args("killed.json"), folder.dir),
    mnas(args("whole.json"), folder.dir),
  ]);
  expect([again.code, atOnce.code]).toEqual([0, 0]);
  const events = again.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string; missing?: number });
  expect(events[0]).toMatchObject({ event: "plan", parts: 1652, missing: 1652 - known });
  expect(events.at(-1)).toMatchObject({ event: "done", entries: 1652, isComplete: true, unstable: 0 });
  const [a, b] = ["killed.json", "whole.json"].map((name) => readFileSync(join(folder.dir, name), "utf8"));
  expect(a).toBe(b);

  const other = await mnas(["profile", "--device", "madds", "--space", "mnasnet", "--out", "whole.json"], folder.dir);
  expect(other.code).toBe(2);
  expect(other.stderr).toContain('space: "mnasnet-tiny" → "mnasnet"');
  const older = { ...partial, measuredOn: { ...partial.measuredOn, runtimeVersion: "0" } };
  writeFileSync(join(folder.dir, "older.json"), JSON.stringify(older));
  const mixed = await mnas(args("older.json"), folder.dir);
  expect(mixed.code).toBe(2);
  expect(JSON.parse(mixed.stderr)).toMatchObject({
    error: { code: "RUN_MISMATCH", message: expect.stringContaining("runtimeVersion: 0 → 1") },
  });
});

test.each([
  [["profile"], 2, "required option '--out <file>'"],
  [["profile", "--out", "no/such/folder/t.json"], 3, "no such folder"],
  [["profile", "--out", "t.json", "--classes", "5"], 2, "the data say it"],
  [["measure", "mnasnet-a1", "--device", "table:none.json"], 3, 'Cannot read "none.json"'],
  [["measure", "mnasnet-a1", "--device", "table:"], 2, "it is called table:FILE"],
  [["measure", "mnasnet-a1", "--device", "host:1"], 2, "it is called host"],
])("mnas %j is refused", async (args, code, says) => {
  using folder = scratch();
  const ended = await mnas(args, folder.dir);
  expect(ended.code).toBe(code);
  expect(ended.stderr).toContain(says);
});

test("a file that is no table is refused, saying where it is wrong", async () => {
  using folder = scratch();
  const file = join(folder.dir, "t.json");
  for (const [content, says] of [
    ["nonsense", "it is not JSON"],
    ['{"name":"mnas"}', "it is something else"],
    ['{"kind":"latency-predictor"}', "it is a latency predictor"],
    ['{"kind":"latency-table","entries":{}}', "measuredOn"],
  ] as const) {
    writeFileSync(file, content);
    const { code, stderr } = await mnas(["measure", "mnasnet-a1", "--device", "table:t.json"], folder.dir);
    expect(code).toBe(2);
    expect(stderr).toContain('Cannot read latency table "t.json"');
    expect(stderr).toContain(says);
  }
});

/** What a Pixel 1 took for the layers of MnasNet-B1, in ms, as ProxylessNAS published it. */
const pixel1: Readonly<Record<string, number>> = {
  "Conv-input:224x224x3-output:112x112x32": 4.083755600814664,
  "Conv_1-input:7x7x320-output:7x7x1280": 3.088623217922607,
  "Logits-input:7x7x1280-output:1000": 0.3096415478615071,
  "expanded_conv-input:112x112x32-output:112x112x16-expand:1-kernel:3-stride:1-idskip:0": 3.8821352201257864,
  "expanded_conv-input:112x112x16-output:56x56x24-expand:3-kernel:3-stride:2-idskip:0": 6.240567073170731,
  "expanded_conv-input:56x56x24-output:56x56x24-expand:3-kernel:3-stride:1-idskip:1": 6.273091549295775,
  "expanded_conv-input:56x56x24-output:28x28x40-expand:3-kernel:5-stride:2-idskip:0": 4.382753164556962,
  "expanded_conv-input:28x28x40-output:28x28x40-expand:3-kernel:5-stride:1-idskip:1": 3.48371186440678,
  "expanded_conv-input:28x28x40-output:14x14x80-expand:6-kernel:5-stride:2-idskip:0": 3.797617142857143,
  "expanded_conv-input:14x14x80-output:14x14x80-expand:6-kernel:5-stride:1-idskip:1": 4.079784403669725,
  "expanded_conv-input:14x14x80-output:14x14x96-expand:6-kernel:3-stride:1-idskip:0": 3.6715125,
  "expanded_conv-input:14x14x96-output:14x14x96-expand:6-kernel:3-stride:1-idskip:1": 4.9232886075949365,
  "expanded_conv-input:14x14x96-output:7x7x192-expand:6-kernel:5-stride:2-idskip:0": 3.4905095541401274,
  "expanded_conv-input:7x7x192-output:7x7x192-expand:6-kernel:5-stride:1-idskip:1": 4.164374384236453,
  "expanded_conv-input:7x7x192-output:7x7x320-expand:6-kernel:3-stride:1-idskip:0": 4.876942675159236,
};

test("MnasNet-B1 takes 82.9136 ms on a Pixel 1 by the table of its blocks", async () => {
  using folder = scratch();
  const blocks = Object.fromEntries(Object.entries(pixel1).map(([key, mean]) => [key, { count: 1, mean, var: 0 }]));
  writeFileSync(join(folder.dir, "blocks.json"), JSON.stringify(blocks));
  const script = fileURLToPath(new URL("../scripts/pixel1-table.ts", import.meta.url));
  const made = spawnSync(process.execPath, [script, "blocks.json", "pixel1.json"], { cwd: folder.dir });
  expect(made.status).toBe(0);
  const { stdout } = await mnas(["measure", "mnasnet-b1", "--device", "table:pixel1.json", "--json"], folder.dir);
  const [latency] = JSON.parse(stdout) as [{ medianMs: number }];
  expect(latency).toMatchObject({ device: "Pixel 1", origin: "predicted", runs: 0, time: null, canary: null });
  expect(latency.medianMs).toBeCloseTo(82.9136, 4);
  const other = await mnas(["measure", "mnasnet-a1", "--device", "table:pixel1.json"], folder.dir);
  expect(other.code).toBe(2);
  expect(other.stderr).toContain(
    'no "112x112 r1_k3_s22_e6_i16_o24"; the nearest it has is "112x112 r1_k3_s22_e3_i16_o24"',
  );
});
