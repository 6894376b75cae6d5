import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exportForm, labelsBeside, type ExportFormOptions } from "../src/cli/export-form.ts";
import { decodeModel } from "../src/lower/tflite-file.ts";
import { readOnnxMetadata } from "../src/lower/onnx.ts";
import { mnas, scratch } from "./mnas.ts";

type Facts = Parameters<typeof exportForm>[1];
const facts = (format: Facts["format"], more: Partial<Facts> = {}): Facts => ({
  format,
  isInt8: false,
  channels: 3,
  ...more,
});

test("exportForm() gives each format the form that its readers take, unless it is told otherwise", () => {
  const usual = { rgb: false, softmax: false, batch: 1, symmetric: false };
  expect(exportForm({}, facts("tflite"))).toEqual({ ...usual, input: "pixels" });
  expect(exportForm({}, facts("onnx"))).toEqual({ ...usual, input: "normalised" });
  const all = { input: "pixels", rgb: true, softmax: true, batch: "any", symmetric: true } as const;
  expect(exportForm(all, facts("onnx", { isInt8: true, channels: 1 }))).toEqual(all);
});

test.each<[options: ExportFormOptions, of: Facts, problem: string]>([
  [{ batch: 1 }, facts("tflite"), "a TFLite file takes one image"],
  [{ batch: "any" }, facts("tflite"), "a TFLite file takes one image"],
  [{ symmetric: true }, facts("tflite", { isInt8: true }), "TFLite has zero points of its own"],
  [{ symmetric: true }, facts("onnx"), "it says how int8 is stored"],
  [{ rgb: true }, facts("onnx"), "the network takes 3 channels"],
  [{ rgb: true }, facts("tflite", { channels: 2 }), "the network takes 2 channels"],
])("exportForm() refuses what the file cannot have: %j", (options, of, problem) => {
  const refused = expect.objectContaining({
    code: "USAGE",
    message: expect.stringContaining(problem) as string,
  }) as Error;
  expect(() => exportForm(options, of)).toThrow(refused);
});

test("labelsBeside() writes over the labels of other classes only when it is told to", () => {
  using folder = scratch();
  const out = join(folder.dir, "m.tflite");
  const file = join(folder.dir, "labels.txt");
  expect(labelsBeside(out, [], false)).toBeNull();
  const cats = { file, text: "cat\ndog\n" };
  expect(labelsBeside(out, ["cat", "dog"], false)).toEqual(cats);
  writeFileSync(file, cats.text);
  expect(labelsBeside(out, ["cat", "dog"], false)).toBeNull();
  expect(() => labelsBeside(out, ["dog", "cat"], false)).toThrow(/it exists, with other classes$/);
  expect(labelsBeside(out, ["dog", "cat"], true)).toEqual({ file, text: "dog\ncat\n" });
});

test("labelsBeside() refuses a folder of that name, and a model of that name", () => {
  using folder = scratch();
  const file = join(folder.dir, "labels.txt");
  expect(() => labelsBeside(file, ["cat"], true)).toThrow(/its labels get that name$/);
  mkdirSync(file);
  expect(() => labelsBeside(join(folder.dir, "m.tflite"), ["cat"], true)).toThrow(/labels.txt": it is a folder$/);
});

test("export writes the form that is asked for, the labels beside it, and says so", async () => {
  using folder = scratch();
  const { dir } = folder;
  const notation = "in28x28x1 stem8_k3_s22 r1_k3_s22_e1_i8_o12 head0 classes10";
  await mnas(["train", notation, "--epochs", "1", "--out", "w.safetensors"], dir);
  const from = ["export", "--weights", "w.safetensors", "--json"];
  const tflite = await mnas([...from, "--out", "m.tflite", "--rgb", "--softmax"], dir);
  const form = { input: "pixels", rgb: true, softmax: true, batch: 1, symmetric: false };
  expect(JSON.parse(tflite.stdout)).toMatchObject({ form, labels: "labels.txt" });
  expect(readFileSync(join(dir, "labels.txt"), "utf8")).toMatch(/^T-shirt\/top\nTrouser\n(.+\n){8}$/);
  const [{ tensors, inputs, outputs }] = decodeModel(readFileSync(join(dir, "m.tflite"))).subgraphs as [
    Required<NonNullable<NonNullable<ReturnType<typeof decodeModel>["subgraphs"]>[number]>>,
  ];
  const shown = (i: number | undefined) => ({ name: tensors[i!]!.name, shape: tensors[i!]!.shape });
  expect([...inputs, ...outputs].map(shown)).toEqual([
    { name: "image", shape: [1, 28, 28, 3] },
    { name: "probabilities", shape: [1, 10] },
  ]);
  const onnx = await mnas([...from, "--out", "m.onnx", "--batch", "any", "--input", "pixels"], dir);
  expect(JSON.parse(onnx.stdout)).toMatchObject({ form: { input: "pixels", batch: "any" }, labels: null });
  const { preprocessing } = readOnnxMetadata(readFileSync(join(dir, "m.onnx")));
  expect(preprocessing).toEqual({ mean: [0], deviation: [1 / 255], crop: 1, height: 28, width: 28, channels: 1 });
});
