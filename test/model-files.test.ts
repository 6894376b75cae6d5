import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { PbfWriter } from "pbf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { modelsToMeasure } from "../src/cli/model-files.ts";
import { benchmarkModelArgs } from "../src/device/adb/benchmark-model.ts";
import { tools } from "../src/device/adb/tools.ts";
import type { DeviceModel, LatencyDevice } from "../src/device/device.ts";
import { openModelFile } from "../src/device/file/open.ts";
import { openOnnxFile } from "../src/device/file/onnx.ts";
import { openHost } from "../src/device/host.ts";
import { openDevice } from "../src/device/open.ts";
import { serveDevice, type Serving } from "../src/device/remote/serve.ts";
import { decode, elementTypes } from "../src/lower/onnx-proto.ts";
import { editModel } from "../src/lower/onnx-wire.ts";
import { encodeModel } from "../src/lower/tflite-file.ts";
import { schemaVersion, tensorTypes } from "../src/lower/tflite-schema.ts";
import { mnas, scratch } from "./mnas.ts";
import { fixed, foreignModel, kernel, writeBeside } from "./model-files.ts";

const space = scratch();
const path = (name: string): string => join(space.dir, name);
const pixels = [{ symbol: "n" }, { size: 3 }, { symbol: "h" }, { symbol: "w" }];
/** Shows that it runs; the time does not matter. */
const least = { warmupMs: 1, minMs: 1, maxMs: 1, minRuns: 1 };
const token = "of-this-test-alone";
let host: LatencyDevice;
let serving: Serving;

beforeAll(async () => {
  host = await openHost();
  serving = await serveDevice(host, { address: { host: "127.0.0.1", port: 0 }, token });
  mkdirSync(path("elsewhere"));
  writeFileSync(path("open.onnx"), foreignModel({ dims: pixels }));
  writeBeside(space.dir, "beside");
});
afterAll(async () => {
  await serving[Symbol.asyncDispose]();
  await host[Symbol.asyncDispose]();
  space[Symbol.dispose]();
});

/** The shape of the first input in the bytes that a device gets. */
const shapeOf = (bytes: Uint8Array) => decode("Model", bytes).graph!.inputs![0]!.type!.tensor!.shape!.dims!;
const weightsOf = (bytes: Uint8Array) => decode("Model", bytes).graph!.initializers![0]!;

test("a file with open sizes is sent to every device with the sizes that were asked for", async () => {
  const { model } = openModelFile(path("open.onnx"), { size: 16 });
  expect(model.inputs).toEqual([{ name: "x", type: "float32", shape: [1, 3, 16, 16] }]);
  expect(shapeOf(model.onnx())).toEqual(fixed(1, 3, 16, 16));
  expect(shapeOf(tools.onnx.bytes(model))).toEqual(fixed(1, 3, 16, 16));
  await using remote = await openDevice(`tcp://${token}@127.0.0.1:${serving.address.port}`);
  for (const device of [host, remote]) expect((await device.measure(model, least)).medianMs).toBeGreaterThan(0);
});

test("a size of 0 is open: a network of no pixels would take no time", () => {
  writeFileSync(path("zero.onnx"), foreignModel({ dims: fixed(0, 3, 0, 0) }));
  expect(() => openModelFile(path("zero.onnx"), {})).toThrow("the size of x.2, x.3 is open (x is ?×3×?×?)");
  const { model } = openModelFile(path("zero.onnx"), { size: 16 });
  expect(shapeOf(model.onnx())).toEqual(fixed(1, 3, 16, 16));
  writeFileSync(path("zero.tflite"), tflite([0, 0, 0, 3]));
  expect(() => openModelFile(path("zero.tflite"), {})).toThrow("is open (it's x:0 is ?×?×?×3)");
});

test("larger pixels take longer", async () => {
  const at = async (size: number): Promise<number> =>
    (await host.measure(openModelFile(path("open.onnx"), { size }).model, least)).medianMs;
  expect(await at(224)).toBeGreaterThan(4 * (await at(16)));
});

test("weights beside a file are read from its folder alone, and go to every device inside of it", async () => {
  const own = process.cwd();
  // A stranger's file of that name.
  writeFileSync(path("elsewhere/beside.onnx.data"), new Uint8Array(10_000));
  try {
    process.chdir(path("elsewhere"));
    for (const name of [path("beside.onnx"), join("..", "beside.onnx")]) {
      const { model } = openModelFile(name, {});
      expect(weightsOf(model.onnx())).toEqual({
        name: "kernel",
        dims: [4, 3, 3, 3],
        type: elementTypes.float,
        data: new Uint8Array(kernel.buffer),
      });
    }
  } finally {
    process.chdir(own);
  }
  const { model } = openModelFile(path("beside.onnx"), {});
  await using remote = await openDevice(`tcp://${token}@127.0.0.1:${serving.address.port}`);
  for (const device of [host, remote]) expect((await device.measure(model, least)).medianMs).toBeGreaterThan(0);
});

test("a model that is too large for one file is measured by host with its weights where they are, and not sent", async () => {
  const { model } = openOnnxFile(path("beside.onnx"), {}, 400);
  expect((await host.measure(model, least)).medianMs).toBeGreaterThan(0);
  expect(() => model.onnx()).toThrowError(
    expect.objectContaining({ code: "MODEL_INVALID", message: expect.stringContaining("GiB with its weights") }),
  );
});

const whole = { offset: "64", length: "432" };
test.each([
  ["a file that is missing", { location: "gone.data", ...whole }, "FILE_NOT_FOUND", /its weights are in ".*gone.data"/],
  ["a folder above", { location: "../beside.onnx.data", ...whole }, "MODEL_INVALID", /outside of its folder/],
  ["a folder above by a detour", { location: "a/../../b", ...whole }, "MODEL_INVALID", /outside of its folder/],
  ["a path from the root", { location: "/etc/hostname" }, "MODEL_INVALID", /outside of its folder, in "\/etc/],
  ["the folder itself", { location: "." }, "MODEL_INVALID", /outside of its folder/],
  ["no file", { offset: "0" }, "MODEL_INVALID", /outside of its folder, in ""/],
  [
    "more than the file has",
    { location: "beside.onnx.data", offset: "400", length: "432" },
    "MODEL_INVALID",
    /byte 832/,
  ],
  ["a place that is no number", { location: "beside.onnx.data", offset: "-1" }, "MODEL_INVALID", /have offset "-1"/],
])("weights in %s are refused", (_what, outside, code, message) => {
  writeFileSync(path("bad.onnx"), foreignModel({ outside }));
  expect(() => openModelFile(path("bad.onnx"), {})).toThrowError(
    expect.objectContaining({ name: "MnasError", code, message: expect.stringMatching(message) }),
  );
});

test("weights that are listed among the inputs are not fed", () => {
  writeFileSync(path("old.onnx"), foreignModel({ listsWeights: true }));
  expect(openModelFile(path("old.onnx"), {}).model.inputs!.map(({ name }) => name)).toEqual(["x"]);
});

test.each(["uint8", "float16"] as const)("a file with an input of %s is measured", async (type) => {
  writeFileSync(path(`${type}.onnx`), foreignModel({ element: elementTypes[type] }));
  const { model } = openModelFile(path(`${type}.onnx`), {});
  expect(model.inputs).toEqual([{ name: "x", type, shape: [1, 3, 8, 8] }]);
  expect((await host.measure(model, least)).medianMs).toBeGreaterThan(0);
});

test("an input of text is refused by name", async () => {
  writeFileSync(path("text.onnx"), foreignModel({ element: 8 }));
  await expect(host.measure(openModelFile(path("text.onnx"), {}).model, least)).rejects.toMatchObject({
    code: "MODEL_INVALID",
    message: expect.stringContaining('input "x" is string, which random numbers cannot fill'),
  });
});

test("editModel() leaves all bytes as they are that it is not told to change", () => {
  const field = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.oneof(fc.nat(), fc.uint8Array({ maxLength: 9 })));
  const model = foreignModel();
  const isSame = (pieces: readonly Uint8Array[], bytes: Buffer): boolean => Buffer.concat(pieces).equals(bytes);
  fc.assert(
    fc.property(fc.array(field, { maxLength: 5 }), (extra) => {
      const pbf = new PbfWriter();
      // Numbers that no message of the format uses.
      for (const [number, value] of extra)
        if (typeof value === "number") pbf.writeVarintField(900 + number, value);
        else pbf.writeBytesField(900 + number, value);
      const bytes = Buffer.concat([pbf.finish(), model]);
      expect(isSame(editModel(bytes, { Tensor: () => null }), bytes)).toBe(true);
      const same = editModel(bytes, { Tensor: (tensor) => [tensor], Input: (input) => [input] });
      expect(isSame(same, bytes)).toBe(true);
    }),
    { numRuns: 20 },
  );
});

test("a damaged file is refused, whatever is damaged", () => {
  const bytes = foreignModel();
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 0, max: 255 }), fc.boolean(), (at, byte, isCut) => {
      const damaged = isCut ? bytes.slice(0, at) : bytes.with(at, byte);
      writeFileSync(path("damaged.onnx"), damaged);
      try {
        openModelFile(path("damaged.onnx"), {}).model.onnx();
      } catch (error) {
        expect(error).toMatchObject({ name: "MnasError" });
      }
    }),
    { numRuns: 300 },
  );
});

/** A TFLite file of one input, whose open axes are 1 until they are set. */
const tflite = (openShape?: readonly number[]): Uint8Array => {
  const shape = (openShape ?? [1, 8, 8, 3]).map((size) => Math.max(1, size));
  const tensor = { name: "it's x:0", shape, type: tensorTypes.uint8, buffer: 0, hasRank: 1 };
  return encodeModel({
    version: schemaVersion,
    buffers: [{}],
    subgraphs: [
      { tensors: [{ ...tensor, ...(openShape === undefined ? {} : { openShape }) }], inputs: [0], outputs: [0] },
    ],
  });
};
const plan = { model: "m", runs: 1, seconds: 0, warmupSeconds: 0, expectedMs: null };

test.each([
  ["fixed shapes", undefined, {}, [1, 8, 8, 3], false],
  ["an open batch", [-1, 8, 8, 3], {}, [1, 8, 8, 3], false],
  ["open pixels", [-1, -1, -1, 3], { size: 8 }, [1, 8, 8, 3], true],
])("a TFLite file of %s tells a phone's program its shapes where it must", (_what, open, sizes, shape, isReshaped) => {
  writeFileSync(path("m.tflite"), tflite(open));
  const { model } = openModelFile(path("m.tflite"), sizes);
  expect(model).toMatchObject({ isReshaped, inputs: [{ name: "it's x:0", type: "uint8", shape }] });
  const args = benchmarkModelArgs({ ...plan, inputs: isReshaped ? model.inputs! : [] });
  expect(args.filter((arg) => arg.startsWith("--input"))).toEqual(
    isReshaped ? [String.raw`--input_layer='it'\''s x:0'`, "--input_layer_shape=1,8,8,3"] : [],
  );
});

test("options that a file does not have are refused, and sizes by name must be one's", () => {
  const open = path("open.onnx");
  const refusal = (files: string[], options: Parameters<typeof modelsToMeasure>[1]): string => {
    try {
      return modelsToMeasure(files, options)
        .map(({ model }) => model.name)
        .join();
    } catch (error) {
      return (error as Error).message.replaceAll(`${space.dir}/`, "");
    }
  };
  expect([
    refusal([open], { size: 8, classes: 10 }),
    refusal([open], { size: 8, width: 0.5 }),
    refusal([open], {}),
    refusal([open], { size: 8, dim: new Map([["q", 1]]) }),
    refusal([path("beside.onnx")], { size: 16 }),
    refusal(["in8x8x3 stem16_k3_s22 head64 classes2"], { size: 16 }),
    refusal(["mnasnet-small"], { dim: new Map([["h", 1]]) }),
  ]).toEqual([
    'Cannot apply --classes to "open.onnx": the file says its own classes and widths',
    'Cannot apply --width to "open.onnx": the file says its own classes and widths',
    'Cannot measure "open.onnx": the size of h, w is open (x is n×3×h×w)',
    "Cannot apply --dim q=1: the open axes are n, h, w",
    'Cannot apply --size 16 to "beside.onnx": its input x has a fixed shape, 1×3×8×8',
    'Cannot apply --size to "in8x8x3 stem16_k3_s22 head64 classes2": a notation says its own images, classes and widths',
    "Cannot apply --dim h=1: no network has an open axis",
  ]);
});

test("measure tells the shape that it timed, from any folder", async () => {
  const args = ["measure", path("open.onnx"), "--dim", "h=8", "--dim", "w=12", "--json"];
  const { code, stdout } = await mnas(args, path("elsewhere"));
  expect(code).toBe(0);
  const [row] = JSON.parse(stdout) as DeviceModel[];
  expect(row!.inputs).toEqual([{ name: "x", type: "float32", shape: [1, 3, 8, 12] }]);
});
