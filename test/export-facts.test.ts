import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { beforeAll, expect, test } from "vitest";
import { buildGraph } from "../src/arch/build.ts";
import { exportData } from "../src/cli/export-data.ts";
import { exportedNetwork, type ExportedNetworkOptions } from "../src/cli/export-network.ts";
import { changed } from "../src/config/config.ts";
import { loadDataset, type Dataset } from "../src/data/dataset.ts";
import { initWeights } from "../src/graph/weights.ts";
import { readOnnxMetadata } from "../src/lower/onnx.ts";
import { parseArch } from "../src/space/notation.ts";
import { judgedImages, spread } from "../src/export/probe-images.ts";
import { loadCheckpoint, saveCheckpoint } from "../src/train/checkpoint.ts";
import { factsEntries, factsOf, modelFacts, readFacts, type TrainingFacts } from "../src/train/facts.ts";
import { createFeed } from "../src/train/feed.ts";
import { finalRecipe } from "../src/train/presets.ts";
import { planFor } from "../src/train/recipe.ts";
import { readFile } from "../src/util/files.ts";
import { createRng } from "../src/util/rng.ts";
import { noisyPictures } from "./data-files.ts";
import { mnas, scratch } from "./mnas.ts";
import { toyConfig } from "./toy.ts";

const notation = "in12x12x3 stem8_k3_s22 r1_k3_s22_e3_i8_o8 head0 classes2";
const graph = buildGraph(parseArch(notation));
const weights = initWeights(graph, createRng(1));

/** A folder with pictures of cats and dogs, and weights of a training on them that says its facts. */
const place = scratch();
let dataset: Dataset;
let facts: TrainingFacts;
const photos = join(place.dir, "photos");
const told = join(place.dir, "told.safetensors");
const silent = join(place.dir, "silent.safetensors");

beforeAll(async () => {
  await noisyPictures(photos, { cat: 16, dog: 16 }, 1);
  dataset = await loadDataset(photos, { seed: 3, size: 12 });
  facts = factsOf({ dataset, seed: 3, recipe: finalRecipe, accuracy: 0.75, testAccuracy: null });
  saveCheckpoint(told, graph, { notation, weights, facts });
  saveCheckpoint(silent, graph, { notation, weights });
  return () => place[Symbol.dispose]();
});

test("weights keep what their training decided, whatever the names and numbers", () => {
  const number = fc.double({ noNaN: true, noDefaultInfinity: true });
  const share = fc.double({ min: 0, max: 1, noNaN: true });
  const channels = fc.array(number, { minLength: 3, maxLength: 3 });
  const name = fc.string({ unit: "grapheme" });
  const record: fc.Arbitrary<TrainingFacts> = fc.record({
    classes: fc.array(name, { minLength: 2, maxLength: 2 }),
    mean: channels,
    deviation: channels,
    crop: fc.constantFrom(1, 0.875),
    data: fc.record({ name, key: name, seed: fc.integer() }),
    recipe: fc.constantFrom(null, { ...finalRecipe }),
    accuracy: share,
    testAccuracy: fc.option(share),
  });
  const { task } = parseArch(notation);
  fc.assert(
    fc.property(record, (said) => {
      // -0 is 0 in JSON.
      expect(readFacts(factsEntries(notation, said, task), task)).toEqual(JSON.parse(JSON.stringify(said)));
    }),
    { numRuns: 60 },
  );
  expect(loadCheckpoint(told)).toEqual({ notation, weights, facts });
});

test("facts of which one is missing, damaged or of another network are no facts", () => {
  const { task } = parseArch(notation);
  const entries = factsEntries(notation, facts, task);
  for (const key of ["classes", "preprocessing", "training"]) {
    for (const text of ["", "{", "{}", "[1]", "null"])
      expect([key, text, readFacts({ ...entries, [key]: text }, task)]).toEqual([key, text, null]);
    const { [key]: _, ...rest } = entries;
    expect(readFacts(rest, task)).toBe(null);
  }
  for (const other of [{ classes: 3 }, { channels: 1 }, { height: 13 }, { width: 13 }])
    expect(readFacts(entries, { ...task, ...other })).toBe(null);
});

test.each(["none", "crop", "resized-crop"] as const)(
  "an exported network is judged on the same values as its training with %s judged it on",
  async (augment) => {
    const recipe = changed(finalRecipe, { augment });
    const { count } = dataset.validation;
    const feed = createFeed({ dataset, plan: planFor(recipe, dataset), rng: createRng(1), rank: 0 });
    const out = { images: new Float32Array(count * 12 * 12 * 3), labels: new Int32Array(count) };
    for await (const filled of feed.judge("validation", out)) expect(filled).toBe(count);
    const judged = judgedImages(dataset, modelFacts(dataset, recipe));
    expect(judged.crop).toBe(augment === "resized-crop" ? 0.875 : 1);
    for await (const images of spread(judged, "validation", count))
      expect({ images: images.values, labels: images.labels }).toEqual(out);
  },
);

test("an export takes the facts from the weights, and images from --data", async () => {
  const { classes, mean, deviation, crop } = facts;
  const said = { classes, mean, deviation, crop };
  const plain = await exportData(exportedNetwork(undefined, { weights: told }), {});
  expect(plain).toEqual({ facts, images: null, warning: null });
  const shown = await exportData(exportedNetwork(notation, { weights: told }), { data: photos });
  expect(shown).toMatchObject({ facts: said, warning: null });
  // Of its own split, whatever the default is.
  expect(shown.images).toMatchObject({ ...said, validation: dataset.validation });
});

test("other images of the same classes keep the facts of the training and are said; other classes are refused", async () => {
  const other = join(place.dir, "other");
  await noisyPictures(other, { cat: 12, dog: 12 }, 2);
  const network = exportedNetwork(undefined, { weights: told });
  const { images, warning } = await exportData(network, { data: other, int8: true });
  expect(images).toMatchObject({ classes: facts.classes, mean: facts.mean, deviation: facts.deviation });
  expect(warning).toContain('has other images than the training ("photos")');
  renameSync(join(other, "dog"), join(other, "ant"));
  await expect(exportData(network, { data: other })).rejects.toThrow(
    "its classes are ant, cat, those of the weights cat, dog",
  );
  for (const options of [{ seed: 0 }, { seed: 3, data: photos }, { seed: 3, int8: true }])
    await expect(exportData(network, options)).rejects.toThrow("Cannot apply --seed");
});

test("weights that do not say their facts are refused, unless the user names the data", async () => {
  const network = exportedNetwork(undefined, { weights: silent });
  for (const int8 of [false, true])
    await expect(exportData(network, { int8 })).rejects.toMatchObject({
      code: "MODEL_INVALID",
      hint: expect.stringContaining("--data"),
    });
  const { mean, deviation } = await loadDataset(photos, { seed: 0, size: 12 });
  const found = await exportData(network, { data: photos });
  // Nobody knows which part of a picture its training judged.
  expect(found.facts).toEqual({ classes: ["cat", "dog"], mean, deviation });
});

test("ranges of int8 come from no other images than the training's, or those that are named", async () => {
  const network = exportedNetwork(undefined, { weights: told });
  await expect(exportData(network, { int8: true })).rejects.toMatchObject({
    code: "USAGE",
    hint: expect.stringContaining('--data with the images that it was trained on ("photos")'),
  });
  // A folder may have the name of the embedded data.
  const namesake = { ...network, facts: { ...facts, data: { ...facts.data, name: "fashion-mnist" } } };
  await expect(exportData(namesake, { int8: true })).rejects.toThrow("none are named");
});

test.each<[string, string | undefined, ExportedNetworkOptions, string]>([
  ["a zoo name", "mnasnet-small", {}, "add --untrained for random weights"],
  ["a notation", notation, {}, "add --untrained for random weights"],
  ["a file", join(place.dir, "network.json"), {}, "add --untrained for random weights"],
  ["nothing", undefined, {}, "give --weights FILE"],
  ["nothing, untrained", undefined, { untrained: true }, "give --weights FILE"],
  ["weights, untrained", notation, { weights: told, untrained: true }, "Leave one of them out"],
])("%s is not exported with random weights unless that is asked for", (_, text, options, hint) => {
  writeFileSync(join(place.dir, "network.json"), JSON.stringify({ notation }));
  expect(() => exportedNetwork(text, options)).toThrow(
    expect.objectContaining({ hint: expect.stringContaining(hint) }),
  );
  if (text !== undefined && options.weights === undefined)
    expect(exportedNetwork(text, { untrained: true })).toMatchObject({ isTrained: false, facts: null });
});

test("weights are exported by the name of their network, or by none, and by no other", () => {
  using folder = scratch();
  const file = join(folder.dir, "w.safetensors");
  const { candidate } = exportedNetwork("mobilenet-v2", { untrained: true, width: 0.35, size: 28, classes: 10 });
  const grey = candidate.notation.replace("in28x28x3", "in28x28x1");
  const built = buildGraph(parseArch(grey));
  saveCheckpoint(file, built, { notation: grey, weights: initWeights(built, createRng(1)) });
  const given: [string | undefined, ExportedNetworkOptions][] = [
    [undefined, {}],
    [grey, {}],
    ["mobilenet-v2", { width: 0.35 }],
    ["mobilenet-v2", { width: 0.35, size: 28, classes: 10 }],
  ];
  for (const [text, options] of given)
    expect(exportedNetwork(text, { ...options, weights: file }).candidate.notation).toBe(grey);
  const refused: [string | undefined, ExportedNetworkOptions, string][] = [
    ["mobilenet-v2", {}, "they are for in28x28x1"],
    ["mobilenet-v2", { width: 0.35, size: 32 }, "they are for in28x28x1"],
    ["mobilenet-v2", { width: 0.35, classes: 3 }, "they are for in28x28x1"],
    ["mnasnet-small", {}, "they are for in28x28x1"],
    [undefined, { width: 0.35 }, "Cannot apply --width"],
    [undefined, { size: 28, classes: 10 }, "Cannot apply --size and --classes"],
    [grey, { size: 28 }, "Cannot apply --size"],
  ];
  for (const [text, options, says] of refused)
    expect(() => exportedNetwork(text, { ...options, weights: file })).toThrow(says);
});

test("train, then export by the name alone: the file says the preprocessing and classes of the training", async () => {
  using folder = scratch();
  const recipe = ["--recipe", "mnasnet", "--epochs", "1", "--workers", "1"];
  const train = ["train", "mnasnet-small", "--data", photos, "--size", "12", "--seed", "3", ...recipe];
  expect(await mnas([...train, "--out", "w.safetensors"], folder.dir)).toMatchObject({ code: 0 });
  const out = ["--weights", "w.safetensors", "--out", "m.onnx", "--json"];
  const exported = await mnas(["export", "mnasnet-small", ...out], folder.dir);
  expect(exported).toMatchObject({ code: 0, stderr: "" });
  const { classes, preprocessing } = readOnnxMetadata(readFile(join(folder.dir, "m.onnx")));
  const { mean, deviation } = dataset;
  const task = { height: 12, width: 12, channels: 3 };
  expect({ classes, preprocessing }).toEqual({
    classes: ["cat", "dog"],
    preprocessing: { mean, deviation, crop: 0.875, ...task },
  });
  const random = await mnas(["export", "mnasnet-small", "--out", "r.onnx"], folder.dir);
  expect(random).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("--untrained") });
});

test("a run exports what it trained without its images, and nothing that it did not train or has lost", async () => {
  using folder = scratch();
  const data = join(folder.dir, "photos");
  mkdirSync(data);
  await noisyPictures(data, { cat: 40, dog: 40 }, 3);
  const known = await loadDataset(data, { seed: 0, size: 12 });
  const settings =
    "trials: 8, target: 0.004, batch: 4, gate: 1, finalSeeds: 1, baselines: 1, proxy: { epochs: 1 }, final: { epochs: 1 },";
  writeFileSync(join(folder.dir, "mnas.config.ts"), toyConfig(`device: "madds", ${settings}`));
  const search = await mnas(["search", "--data", "photos", "--size", "12", "--out", "run"], folder.dir);
  expect(search.code).toBe(0);
  const moved = join(folder.dir, "moved");
  renameSync(data, moved);
  const { stdout } = await mnas(["trials", "run", "--json"], folder.dir);
  const trials = JSON.parse(stdout) as { number: number; state: string }[];
  const [trained, pruned] = ["complete", "pruned"].map((is) => trials.find(({ state }) => state === is)!);
  const named = (number: number): string => `${join(folder.dir, "run")}#${number}`;
  const network = exportedNetwork(named(trained!.number), {});
  const exported = await exportData(network, {});
  const { classes, mean, deviation } = known;
  expect(exported).toEqual({
    facts: { ...network.facts, classes, mean, deviation, crop: 1 },
    images: null,
    warning: null,
  });
  expect(network.facts!.data).toEqual({ name: "photos", key: known.key, seed: 0 });
  expect(() => exportedNetwork(named(pruned!.number), {})).toThrow(`(trial ${pruned!.number}: over the gate)`);
  // Weights of an older version say nothing; then the run's own images do, wherever they lie now.
  const older = { ...network, facts: null };
  await expect(exportData(older, {})).rejects.toMatchObject({ hint: expect.stringContaining("--data") });
  await expect(exportData(older, { data: photos })).rejects.toMatchObject({ code: "RUN_MISMATCH" });
  expect((await exportData(older, { data: moved })).facts).toEqual({ classes, mean, deviation, crop: 1 });
  for (const phase of ["trials", "finals"]) rmSync(join(folder.dir, "run", phase), { recursive: true, force: true });
  expect(() => exportedNetwork(named(trained!.number), {})).toThrow(
    expect.objectContaining({ code: "FILE_NOT_FOUND", message: expect.stringMatching(/are lost$/) }),
  );
  expect(exportedNetwork(named(trained!.number), { untrained: true }).isTrained).toBe(false);
});

test("an export takes data with as many damaged images as --most-damaged allows, and says when it reads none", async () => {
  using folder = scratch();
  const dir = join(folder.dir, "photos");
  await noisyPictures(dir, { cat: 16, dog: 16 }, 1);
  const pictures = readdirSync(join(dir, "cat"));
  for (const name of pictures.slice(0, 8)) writeFileSync(join(dir, "cat", name), "no picture");
  const network = exportedNetwork(undefined, { weights: told });
  await expect(exportData(network, { data: dir })).rejects.toMatchObject({
    code: "DATA_INVALID",
    hint: expect.stringContaining("--most-damaged"),
  });
  const allowed = await exportData(network, { data: dir, mostDamaged: 0.5 });
  expect(allowed).toMatchObject({ facts, warning: expect.stringContaining("has other images than the training") });
  await expect(exportData(network, { mostDamaged: 0.5 })).rejects.toMatchObject({ code: "USAGE" });
});
