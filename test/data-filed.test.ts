import { spawnSync } from "node:child_process";
import { closeSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { buildGraph } from "../src/arch/build.ts";
import { changed } from "../src/config/config.ts";
import { loadDataset, type Dataset } from "../src/data/dataset.ts";
import { fileDataset, readFiled } from "../src/data/filed.ts";
import { heldImages, loadImages, storedImages } from "../src/data/source.ts";
import { indexFiles } from "../src/data/file-index.ts";
import { partNames, upTo, type Images } from "../src/data/images.ts";
import { parseArch } from "../src/space/notation.ts";
import { finalRecipe } from "../src/train/presets.ts";
import { train, type Trained } from "../src/train/trainer.ts";
import { sourceConformance } from "./contract/source.ts";
import { scratch } from "./mnas.ts";

const noise: Images = {
  count: 5,
  height: 3,
  width: 3,
  channels: 3,
  pixels: Uint8Array.from({ length: 5 * 27 }, (_, i) => (i * 89) % 251),
  labels: Int32Array.of(0, 1, 0, 1, 1),
};
const datasetOf = (part: Dataset["train"]): Dataset => ({
  name: "noise",
  source: "./noise",
  classes: ["a", "b"],
  train: part,
  validation: part,
  test: part,
  mean: [0.5, 0.5, 0.5],
  deviation: [1, 1, 1],
  canFlip: true,
  key: "k",
  warnings: [],
});

sourceConformance("images in a file without a name", () =>
  Promise.resolve({ source: fileDataset(datasetOf(heldImages(noise))).train, expected: noise }),
);

test("a data set in a file is read back whole, by all who have the file, which has no name", async () => {
  using folder = scratch();
  const held = await loadDataset(undefined, { seed: 3 });
  const filed = fileDataset(held, [join(folder.dir, "missing"), folder.dir]);
  expect(readdirSync(folder.dir)).toEqual([]);
  const read = readFiled(filed.fd);
  const { train: _a, validation: _b, test: _c, ...facts } = filed;
  expect(read).toMatchObject(facts);
  expect(fileDataset(read)).toBe(read);
  for (const part of partNames) {
    const all = upTo(held[part].count);
    const [is, was] = [await loadImages(read[part], all), await loadImages(held[part], all)];
    // Value by value takes half a minute.
    expect(Buffer.compare(is.pixels, was.pixels)).toBe(0);
    expect(is.labels).toEqual(was.labels);
  }
  closeSync(filed.fd);
});

test("images that stay on the disk go on by their names", () => {
  const files = indexFiles([{ dir: "/a", names: ["ä.jpg", "b.png"] }]);
  const stored = datasetOf(storedImages(files, { side: 8, channels: 3 }));
  const filed = fileDataset(stored);
  const { fd, ...read } = readFiled(filed.fd);
  expect(read).toEqual(stored);
  closeSync(fd);
});

test("without room for the file nothing is left, and the error says where room is needed", () => {
  using folder = scratch();
  const dirs = [join(folder.dir, "no"), join(folder.dir, "none")];
  expect(() => fileDataset(datasetOf(heldImages(noise)), dirs)).toThrow(
    expect.objectContaining({ code: "DISK_FULL", hint: expect.stringContaining("TMPDIR") }),
  );
  expect(dirs.map((dir) => existsSync(dir))).toEqual([false, false]);
});

test("images in a file train the same weights as images in memory", async () => {
  const dataset = await loadDataset(undefined, { seed: 0 });
  const graph = buildGraph(parseArch("in28x28x1 stem8_k3_s22 r1_k3_s22_conv_i8_o8 head0 classes10"));
  const recipe = changed(finalRecipe, { epochs: 0.2, batch: 32 });
  const trained = async (data: Dataset): Promise<Omit<Trained, "seconds">> => {
    const training = train({ graph, dataset: data, recipe, seed: "a", withTest: true });
    for (;;) {
      const { done, value } = await training.next();
      if (done !== true) continue;
      const { seconds: _, ...rest } = value;
      return rest;
    }
  };
  const filed = fileDataset(dataset);
  expect(await trained(filed)).toEqual(await trained(dataset));
  closeSync(filed.fd);
});

test("a process that dies leaves no file", () => {
  using folder = scratch();
  const module = new URL("../src/data/filed.ts", import.meta.url).href;
  const loader = new URL("../src/data/dataset.ts", import.meta.url).href;
  const script = `
    const { fileDataset } = await import(${JSON.stringify(module)});
    const { loadDataset } = await import(${JSON.stringify(loader)});
    console.log(fileDataset(await loadDataset(undefined, { seed: 0 })).fd > 2);
    process.kill(process.pid, "SIGKILL");`;
  const env = { ...process.env, TMPDIR: folder.dir };
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { env, encoding: "utf8" });
  expect([stdout, readdirSync(folder.dir)]).toEqual(["true\n", []]);
});
