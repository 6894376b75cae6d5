import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { luma } from "../src/lower/input.ts";
import { parseArch } from "../src/space/notation.ts";
import { networkOf } from "../src/arch/network.ts";
import { exportModel, softmaxOf } from "../src/export/export-model.ts";
import { usualForms, type FileForm } from "../src/export/file-form.ts";
import { createRng } from "../src/util/rng.ts";
import { browserPath, skipReason, type Page } from "./browser.ts";
import { openClassifierPage, type Category, type Classify } from "./classifier-page.ts";
import { distance, startEngine } from "./start-engine.ts";

const count = 12;
const side = 24;
const classes = Array.from({ length: 10 }, (_, i) => (i === 3 ? 'œuf, "frais"' : `class ${i}`));

const classify = (page: Page, ...args: Parameters<Classify>): Promise<Category[][]> =>
  page.evaluate((given) => (globalThis as unknown as { classify: Classify }).classify(...given), args);

const networks = {
  colour: "in24x24x3 stem8_k3_s22 r2_k3_s22_e3_i8_o16_se0.25 r1_k5_s11_e3_i16_o24 head32 classes10",
  "colour, the first convolution without borders": "in24x24x3 stem8_k1_s22 r2_k3_s22_e3_i8_o16 head32 classes10",
  grey: "in24x24x1 stem8_k3_s22 r2_k3_s22_e3_i8_o16 head32 classes10",
};

/** A network, twelve colour images of bytes, and the engine's outputs for them. */
async function expected(notation: string) {
  const candidate = networkOf(parseArch(notation));
  const { channels } = candidate.arch.task;
  const facts = { classes, mean: [0.49, 0.4, 0.3].slice(0, channels), deviation: [0.2, 0.3, 0.25].slice(0, channels) };
  const { engine, weights } = await startEngine(candidate.graph, 1, { batch: count });
  const rng = createRng("images");
  const bytes = Array.from({ length: count }, () => Array.from({ length: 3 * side * side }, () => rng.int(256)));
  const values = bytes.flatMap((image) =>
    Array.from({ length: side * side }, (_, p) => {
      const rgb = image.slice(3 * p, 3 * p + 3);
      const seen = channels === 3 ? rgb : [rgb.reduce((sum, value, c) => sum + luma[c]! * value, 0)];
      return seen.map((value, c) => (value / 255 - facts.mean[c]!) / facts.deviation[c]!);
    }).flat(),
  );
  const images = { count, values: Float32Array.from(values) };
  engine.images.set(images.values);
  const rgba = bytes.map((image) =>
    Array.from({ length: 4 * side * side }, (_, i) => (i % 4 === 3 ? 255 : image[3 * (i >> 2) + (i % 4)]!)),
  );
  return { candidate, weights, facts, images, rgba, logits: engine.evaluate().slice() };
}

describe.skipIf(browserPath === null)(`MediaPipe's ImageClassifier${skipReason}`, () => {
  let page: Page;
  let close: () => Promise<void>;
  beforeAll(async () => ({ page, close } = await openClassifierPage()));
  afterAll(() => close());

  test.each<[network: keyof typeof networks, form: Partial<FileForm>]>([
    ["colour", {}],
    ["colour", { softmax: true }],
    ["colour, the first convolution without borders", {}],
    ["grey", { rgb: true }],
  ])("opens a TFLite file of a network and gives the engine's scores and the names: %s %j", async (network, form) => {
    const { candidate, weights, facts, images, rgba, logits } = await expected(networks[network]);
    const model = await exportModel("tflite", candidate, weights, facts, images, { ...usualForms.tflite, ...form });
    const scores = form.softmax === true ? softmaxOf(logits, classes.length) : logits;
    const found = await classify(page, [...model], rgba, side);
    expect(found.map((row) => row.map(({ index, categoryName }) => [index, categoryName]))).toEqual(
      Array.from({ length: count }, () => [...classes.entries()]),
    );
    expect(
      distance(
        found.flat().map(({ score }) => score),
        scores,
        1,
      ),
    ).toBeLessThan(1e-4);
  });

  test("says why it refuses a file of grey images", async () => {
    const { candidate, weights, facts, images, rgba } = await expected(networks.grey);
    const model = await exportModel("tflite", candidate, weights, facts, images);
    await expect(classify(page, [...model], rgba, side)).rejects.toThrow("RGB");
  });
});
