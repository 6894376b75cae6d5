import fc from "fast-check";
import { expect, expectTypeOf, test } from "vitest";
import { buildGraph } from "../src/arch/build.ts";
import { printGraph } from "../src/graph/graph.ts";
import {
  archOf,
  checkArch,
  checkSpace,
  type Arch,
  type BlockSpec,
  type NetworkSpace,
  type NetworkTemplate,
} from "../src/space/arch.ts";
import { oneOf } from "../src/space/choice.ts";
import { formatArch, formatBlock, parseArch, parseBlock } from "../src/space/notation.ts";
import { filtersAround, layersAround, presetSpace, spaces } from "../src/space/presets.ts";
import { decode, defineSpace, mutate, sample, sizeOf } from "../src/space/space.ts";
import { createRng } from "../src/util/rng.ts";

const toy = defineSpace("toy", {
  stem: 32,
  stages: [{ kernel: oneOf("kernel", [3, 5]), seRatio: oneOf("seRatio", [0, 0.25]) }],
});
const task = { height: 28, width: 28, channels: 1, classes: 10 };

test("decode() replaces each decision by its choice, and types it", () => {
  const arch = decode(toy, [1, 0]);
  expect(arch).toEqual({ stem: 32, stages: [{ kernel: 5, seRatio: 0 }] });
  expectTypeOf(arch.stages[0].kernel).toEqualTypeOf<3 | 5>();
});

test("decode() refuses a genotype of another space", () => {
  expect(() => decode(toy, [0])).toThrow('Cannot decode a genotype of 1 decisions: space "toy" has 2');
  expect(() => decode(toy, [0, 7])).toThrow('Cannot decode decision 1 ("seRatio"): index is 7, must be < 2');
});

test("defineSpace() names the decision that has no choices", () => {
  expect(() => defineSpace("mine", { blocks: [{ kernel: oneOf("kernel", []) }] })).toThrow(
    'Cannot define space "mine": decision blocks.0.kernel ("kernel") has no choices',
  );
});

test("defineSpace() refuses a repeated choice", () => {
  expect(() => defineSpace("mine", { kernel: oneOf("kernel", [3, 5, 3]) })).toThrow("repeats a choice");
});

test("a space of any choices is searched like the presets", () => {
  const wild = defineSpace("wild", {
    stem: oneOf("stem", [{ kernel: 3, stride: 1, filters: 7 } as const, { kernel: 5, stride: 2, filters: 9 } as const]),
    blocks: [
      {
        op: oneOf("op", ["mbconv2", "mbconv9"] as const),
        kernel: oneOf("kernel", [3, 7]),
        stride: oneOf("stride", [1, 2]),
        filters: 12,
        layers: oneOf("layers", [1, 5]),
        seRatio: oneOf("seRatio", [0.1, 1]),
        skip: "pool" as const,
        activation: oneOf("activation", ["relu6", "hswish"] as const),
      },
    ],
    head: { filters: 0 },
    dropout: 0.1,
  });
  expect(sizeOf(wild)).toBe(2n ** 7n);
  expect(formatArch(archOf(wild, [1, 1, 1, 0, 1, 1, 1], task))).toBe(
    "in28x28x1 stem9_k5_s22 r5_k7_s11_e9_i9_o12_se1_pool_hswish head0 drop0.1 classes10",
  );
});

test("the preset spaces have exactly the sizes their choices give", () => {
  // Per block 4 ops, 2 kernels, 3 widths, 2 SE ratios, 3 skips = 144, times 2 or 3 numbers of layers.
  expect(sizeOf(presetSpace("mnasnet"))).toBe(144n ** 7n * 2n ** 2n * 3n ** 5n);
  expect(sizeOf(presetSpace("mnasnet-tiny"))).toBe(144n ** 5n * 2n ** 2n * 3n ** 3n);
  expect(() => presetSpace("nope")).toThrow('Cannot use space "nope": no such preset');
});

test("filtersAround() and layersAround() surround their base", () => {
  expect([16, 24, 32, 64, 96, 160, 320].map(filtersAround)).toEqual([
    [12, 16, 20],
    [20, 24, 32],
    [24, 32, 40],
    [48, 64, 80],
    [72, 96, 120],
    [120, 160, 200],
    [240, 320, 400],
  ]);
  expect([1, 2, 4].map(layersAround)).toEqual([
    [1, 2],
    [1, 2, 3],
    [3, 4, 5],
  ]);
});

/** Two values of everything that a network may have, and few layers, so that many genotypes give one network. */
const everything = defineSpace<NetworkTemplate>("everything", {
  stem: { kernel: 3, stride: 2, filters: oneOf("filters", [4, 8]) },
  blocks: [0, 1].map(() => ({
    op: oneOf<BlockSpec["op"]>("op", ["conv", "sepconv", "mbconv2"]),
    kernel: 3,
    stride: oneOf("stride", [1, 2]),
    filters: oneOf("filters", [4, 8]),
    layers: oneOf("layers", [1, 2]),
    seRatio: 0,
    skip: oneOf<BlockSpec["skip"]>("skip", ["none", "identity", "pool"]),
    activation: oneOf("activation", ["relu", "hswish"] as const),
    activateProjection: oneOf("activateProjection", [false, true]),
  })),
  head: { filters: oneOf("filters", [0, 4]), activation: oneOf("activation", ["relu", "hswish"] as const) },
  dropout: 0,
});

test.each([...Object.values(spaces), everything])("$name: equal notations are equal networks", (space) => {
  fc.assert(
    fc.property(fc.integer(), fc.constantFrom(2, 28), fc.integer({ min: 0, max: 2 }), (seed, size, changes) => {
      const rng = createRng(seed);
      const genotype = sample(space, rng);
      let other = genotype;
      for (let i = 0; i < changes; i++) other = mutate(space, other, rng);
      const [a, b] = [genotype, other].map((each) => archOf(space, each, { ...task, height: size, width: size }));
      const [printed, printedOther] = [a!, b!].map((arch) => printGraph(buildGraph(arch)));
      expect(formatArch(a!) === formatArch(b!)).toBe(printed === printedOther);
      const notation = formatArch(a!);
      expect(formatArch(parseArch(notation))).toBe(notation);
      expect(printGraph(buildGraph(parseArch(notation)))).toBe(printed);
    }),
    { numRuns: 300 },
  );
});

const block = fc.record({
  op: fc.oneof(
    fc.constantFrom("conv" as const, "sepconv" as const),
    fc.integer({ min: 2, max: 9 }).map((e) => `mbconv${e}` as const),
  ),
  kernel: fc.constantFrom(1, 3, 5, 7),
  stride: fc.constantFrom(1, 2),
  filters: fc.integer({ min: 1, max: 2000 }),
  layers: fc.integer({ min: 1, max: 9 }),
  seRatio: fc.constantFrom(0, 0.25, 0.5, 1, 0.0625, 1e-7),
  skip: fc.constantFrom("none" as const, "identity" as const, "pool" as const),
  activation: fc.constantFrom("relu6" as const, "hswish" as const),
  activateProjection: fc.constant(true as const),
});

test("parseBlock() reads what formatBlock() writes", () => {
  fc.assert(
    fc.property(block, fc.integer({ min: 1, max: 999 }), (spec, input) => {
      expect(parseBlock(formatBlock(spec, input))).toEqual({ block: spec, input });
    }),
  );
});

test("published block strings are read as they are", () => {
  expect(parseBlock("r3_k5_s22_e3_i24_o40_se0.25")).toEqual({
    input: 24,
    block: { op: "mbconv3", kernel: 5, stride: 2, filters: 40, layers: 3, seRatio: 0.25, skip: "identity" },
  });
  expect(parseBlock("r1_k3_s11_e1_i32_o16_noskip").block).toMatchObject({ op: "sepconv", skip: "none" });
});

test.each([
  ["in28x28 stem8_k3_s11 head0 classes10", '"in28x28" is not an image size'],
  ["in28x28x1 stem8_k3_s12 r1_k3_s11_e1_i8_o8 head0 classes10", "different strides"],
  ["in28x28x1 stem8_k3_s11 r1_k3_s11_e1_i9_o8 head0 classes10", "takes 9 channels, but 8 come in"],
  ["in28x28x1 stem8_k3_s11 r1_k3_s11_e1_i8_o8 classes10", '"classes10" is not a block, nor a head'],
  ["in28x28x1 stem8_k3_s11 r1_k3_s11_e1_i8_o8 head0 classes10 more", '"more" follows the end'],
  ["in28x28x1 stem8_k3_s11 r1_k3_s11_e1_i8_o8 head0", "ends before its classes"],
  ["in28x28x1 stem8_k3_s11 head0 classes10", "blocks is empty"],
  ["in28x28x1 stem8_k3_s33 r1_k3_s11_e1_i8_o8 head0 classes10", "stem.stride is 3"],
])("parseArch() says what is wrong with %s", (text, message) => {
  expect(() => parseArch(text)).toThrow(message);
});

test("checkArch() refuses what cannot be built", () => {
  const arch: Arch = parseArch("in28x28x1 stem8_k3_s11 r1_k3_s11_e1_i8_o8 head0 classes10");
  const first = arch.blocks[0]!;
  expect(() => checkArch({ ...arch, blocks: [{ ...first, kernel: 4 }] })).toThrow("blocks.0.kernel is 4");
  expect(() => checkArch({ ...arch, blocks: [{ ...first, op: "mbconv1" }] })).toThrow("blocks.0.op is mbconv1");
  expect(() => checkArch({ ...arch, blocks: [{ ...first, layers: 0 }] })).toThrow("blocks.0.layers is 0");
  expect(() => checkArch({ ...arch, dropout: 1 })).toThrow("dropout is 1");
});

test("checkSpace() tries every choice, and names the one that cannot be built", () => {
  const blockOf = (op: unknown) => ({ op, kernel: 3, stride: 1, filters: 8, layers: 1, seRatio: 0, skip: "none" });
  const template = (op: unknown, head: unknown = { filters: 0 }) =>
    defineSpace("mine", { stem: { kernel: 3, stride: 1, filters: 8 }, blocks: [blockOf(op)], head, dropout: 0 });
  const check = (space: unknown): unknown => checkSpace(space as NetworkSpace);
  const good = template(oneOf("op", ["conv", "mbconv3"]));
  expect(check(good)).toBe(good);
  expect(() => check(template(oneOf("op", ["mbconv3", "mbconv1"])))).toThrow(
    'Cannot use space "mine": blocks.0.op is mbconv1, must be conv, sepconv or mbconvN with N > 1',
  );
  expect(() => check(template("conv", { filters: 8, activation: oneOf("act", ["relu", "gelu"]) }))).toThrow(
    "head.activation is gelu",
  );
  expect(() => check(defineSpace("mine", { blocks: [] }))).toThrow("stem is undefined");
  expect(() => check(defineSpace("mine", { blocks: {} }))).toThrow('Cannot use space "mine"');
  expect(() => check(template(undefined))).toThrow("blocks.0.op is undefined");
  for (const space of Object.values(spaces)) expect(check(space)).toBe(space);
});

test("mutate() changes exactly one decision", () => {
  const space = presetSpace("mnasnet-tiny");
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const rng = createRng(seed);
      const before = sample(space, rng);
      const after = mutate(space, before, rng);
      expect(after.filter((index, i) => index !== before[i])).toHaveLength(1);
      expect(() => decode(space, after)).not.toThrow();
    }),
  );
});
