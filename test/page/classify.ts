/* Given to a page as it is, without types: MediaPipe's ImageClassifier. */
import { ImageClassifier } from "@mediapipe/tasks-vision";
import type { Classify } from "../classifier-page.ts";

const files = { wasmLoaderPath: "/wasm/vision_wasm_internal.js", wasmBinaryPath: "/wasm/vision_wasm_internal.wasm" };

const classify: Classify = async (model, images, side) => {
  const baseOptions = { modelAssetBuffer: Uint8Array.from(model), delegate: "CPU" as const };
  const classifier = await ImageClassifier.createFromOptions(files, { baseOptions });
  const results = images.map((image) => {
    const { classifications } = classifier.classify(new ImageData(Uint8ClampedArray.from(image), side, side));
    const categories = classifications.flatMap((head) => head.categories).toSorted((a, b) => a.index - b.index);
    return categories.map(({ index, score, categoryName }) => ({ index, score, categoryName }));
  });
  classifier.close();
  return results;
};

Object.assign(globalThis, { classify });
