import { expect, test } from "vitest";
import { buildGraph } from "../src/arch/build.ts";
import { zooArch, zooNames } from "../src/arch/zoo.ts";
import { costsOf } from "../src/graph/costs.ts";
import { parametersOf, printGraph } from "../src/graph/graph.ts";
import { samePadding } from "../src/graph/ops.ts";
import { formatArch, parseArch } from "../src/space/notation.ts";

// Counts of the published code, with 1000 classes: parameters, and multiply-adds at 224 px.
test.each([
  ["mnasnet-a1", 1, 3_887_038, 311_579_072],
  ["mnasnet-b1", 1, 4_383_312, 314_415_872],
  ["mnasnet-small", 1, 2_030_264, 68_339_184],
  ["mnasnet-d1", 1, 3_638_404, 967_705_824],
  ["mnasnet-b1", 0.5, 2_218_512, 104_455_968],
  ["mnasnet-b1", 0.75, 3_170_208, 215_493_104],
  ["mnasnet-b1", 1.3, 6_282_256, 526_362_432],
  ["mobilenet-v1", 1, 4_231_976, 568_740_352],
  ["mobilenet-v2", 1, 3_504_872, 300_774_272],
])("%s × %d has its published counts", (name, width, params, madds) => {
  const costs = costsOf(buildGraph(zooArch(name, { width })));
  expect([costs.params, costs.madds]).toEqual([params, madds]);
});

test("mnasnet-d1-320 is for 320 px", () => {
  expect(costsOf(buildGraph(zooArch("mnasnet-d1-320")))).toMatchObject({ params: 6_932_240, madds: 3_687_916_800 });
  const at224 = costsOf(buildGraph(zooArch("mnasnet-d1-320", { task: { height: 224, width: 224 } })));
  expect((at224.madds / 1e6).toFixed(1)).toBe("1807.7");
});

test.each([
  ["mnasnet-a1", 9],
  ["mnasnet-b1", 10],
  ["mnasnet-small", 9],
  ["mnasnet-d1", 16],
  ["mnasnet-d1-320", 21],
])("%s has %d residual additions", (name, count) => {
  expect(buildGraph(zooArch(name)).nodes.filter(({ op }) => op === "Add")).toHaveLength(count);
});

test.each(zooNames)("%s is a point of the notation", (name) => {
  const notation = formatArch(zooArch(name));
  expect(formatArch(parseArch(notation))).toBe(notation);
});

test("squeeze-and-excite squeezes to a quarter of the layer's input, not of its expansion", () => {
  const { nodes } = buildGraph(zooArch("mnasnet-a1"));
  const reduced = nodes.flatMap((node) => (node.name.endsWith("se.reduce") ? [node.shape[2]] : []));
  expect(reduced).toEqual([6, 10, 10, 20, 28, 28, 40, 40]);
});

test("parameters of a layer and of the whole network add up", () => {
  const graph = buildGraph(zooArch("mnasnet-small"));
  const sum = parametersOf(graph)
    .filter(({ isTrainable }) => isTrainable)
    .reduce((total, { shape }) => total + shape.reduce((n, d) => n * d, 1), 0);
  expect(costsOf(graph).params).toBe(sum);
});

test("images of up to 64 px keep their first and last halving", () => {
  const small = zooArch("mobilenet-v2", {
    task: { height: 28, width: 28, channels: 1, classes: 10 },
    width: 0.25,
    scaleHead: true,
  });
  expect(formatArch(small)).toBe(
    "in28x28x1 stem8_k3_s11_relu6 r1_k3_s11_e1_i8_o8_relu6 r2_k3_s22_e6_i8_o8_relu6 r3_k3_s22_e6_i8_o8_relu6 " +
      "r4_k3_s22_e6_i8_o16_relu6 r3_k3_s11_e6_i16_o24_relu6 r3_k3_s11_e6_i24_o40_relu6 r1_k3_s11_e6_i40_o80_relu6 " +
      "head320_relu6 drop0.2 classes10",
  );
});

test("a pool skip pools with the layer's stride and pads or cuts the channels", () => {
  const widens = buildGraph(
    parseArch("in8x8x1 stem4_k3_s11 r1_k3_s22_conv_i4_o6_pool r1_k3_s11_conv_i6_o4_pool head0 classes2"),
  );
  expect(printGraph(widens)).toMatchInlineSnapshot(`
    "image = Input(shape=8,8,1) : 8×8×1
    stem = Conv(image, filters=4, kernel=3, stride=1, bias=false) : 8×8×4
    stem.bn = BatchNorm(stem, epsilon=0.001, momentum=0.99) : 8×8×4
    stem.relu = Activation(stem.bn, function=relu) : 8×8×4
    blocks.0.0.conv = Conv(stem.relu, filters=6, kernel=3, stride=2, bias=false) : 4×4×6
    blocks.0.0.conv.bn = BatchNorm(blocks.0.0.conv, epsilon=0.001, momentum=0.99) : 4×4×6
    blocks.0.0.conv.relu = Activation(blocks.0.0.conv.bn, function=relu) : 4×4×6
    blocks.0.0.pool = AvgPool(stem.relu, kernel=3, stride=2) : 4×4×4
    blocks.0.0.fit = FitChannels(blocks.0.0.pool, channels=6) : 4×4×6
    blocks.0.0.add = Add(blocks.0.0.conv.relu, blocks.0.0.fit) : 4×4×6
    blocks.1.0.conv = Conv(blocks.0.0.add, filters=4, kernel=3, stride=1, bias=false) : 4×4×4
    blocks.1.0.conv.bn = BatchNorm(blocks.1.0.conv, epsilon=0.001, momentum=0.99) : 4×4×4
    blocks.1.0.conv.relu = Activation(blocks.1.0.conv.bn, function=relu) : 4×4×4
    blocks.1.0.pool = AvgPool(blocks.0.0.add, kernel=3, stride=1) : 4×4×6
    blocks.1.0.fit = FitChannels(blocks.1.0.pool, channels=4) : 4×4×4
    blocks.1.0.add = Add(blocks.1.0.conv.relu, blocks.1.0.fit) : 4×4×4
    mean = GlobalAvgPool(blocks.1.0.add) : 1×1×4
    logits = Dense(mean, units=2) : 1×1×2"
  `);
});

test("samePadding() is TensorFlow's: with stride 2 the extra row goes to the end", () => {
  expect(samePadding(28, 3, 2)).toEqual({ out: 14, before: 0, after: 1 });
  expect(samePadding(7, 3, 2)).toEqual({ out: 4, before: 1, after: 1 });
  expect(samePadding(7, 5, 1)).toEqual({ out: 7, before: 2, after: 2 });
});

test("peak memory counts the values alive together", () => {
  // Stem output and block output are alive at once, the image is not needed any more.
  const { peakActivationBytes } = costsOf(
    buildGraph(parseArch("in8x8x1 stem4_k3_s11 r1_k3_s11_conv_i4_o6 head0 classes2")),
  );
  expect(peakActivationBytes).toBe(4 * 8 * 8 * (4 + 6));
});
