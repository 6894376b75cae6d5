/* Built beside the page for the tests: what the runtimes of a browser compute. */
import { openLiteRt } from "../../web/runtimes/litert.ts";
import { openOnnx } from "../../web/runtimes/onnx.ts";
import type { Evaluate } from "../page-site.ts";

const evaluate: Evaluate = async (runtime, model, image) => {
  const opened = await (runtime === "onnx" ? openOnnx : openLiteRt)("wasm");
  const loaded = await opened.load(Uint8Array.from(model), () => Float32Array.from(image));
  return Array.from<number | bigint, number>(await loaded.run(), Number);
};

Object.assign(globalThis, { evaluate });
