import { getWebGpuDevice, loadAndCompile, loadLiteRt, supportsFeature, Tensor } from "@litertjs/core";
import type { TensorValues } from "../../src/device/inputs.ts";
import { doNothingTflite } from "./do-nothing-tflite.ts";
import type { Backend, Runtime, Shapes } from "./runtime.ts";

declare const LITERT_VERSION: string;

/** The server has the runtime's files beside this script, from the package that runs models on this side too. */
const here: string = import.meta.url;

type Details = ReturnType<Awaited<ReturnType<typeof loadAndCompile>>["getInputDetails"]>;

const shapesOf = (details: Details): Shapes =>
  Object.fromEntries(details.map(({ name, dtype, shape }) => [name, { dims: [...shape], type: dtype }]));

/** Types of which LiteRT.js makes tensors. */
const types: ReadonlySet<string> = new Set(["float32", "int32", "uint8"]);

/** Loads the WebAssembly that this browser understands: with relaxed SIMD, or without. */
async function loadWasm(): Promise<void> {
  const isRelaxed = await supportsFeature("relaxedSimd");
  const file = new URL(`litert-${LITERT_VERSION}/litert_wasm_${isRelaxed ? "" : "compat_"}internal`, here).href;
  // Its script looks for the WebAssembly beside the worker.
  Object.assign(globalThis, { Module: { locateFile: () => `${file}.wasm` } });
  await loadLiteRt(`${file}.js`);
}

/** LiteRT.js, one thread. Throws when its files cannot be loaded. */
export async function openLiteRt(backend: Backend): Promise<Runtime> {
  await loadWasm();
  let isLost = false;
  if (backend === "webgpu") {
    const device = getWebGpuDevice();
    if (device === null) throw new Error("there is no GPU");
    void device.lost.then(() => (isLost = true));
  }

  return {
    backend,
    get isLost() {
      return isLost;
    },
    load: async (model, fill) => {
      const compiled = await loadAndCompile(model, { accelerator: backend, cpuOptions: { numThreads: 1 } });
      // Without a way to split the network it runs on the CPU as a whole, which is not what was asked for.
      if (compiled.options.accelerator !== backend) throw new Error("not all of its operations run on the GPU");
      const inputs = compiled.getInputDetails();
      const feeds = inputs.map(({ name, dtype, shape }) => {
        if (!types.has(dtype)) throw new Error(`input "${name}" is ${dtype}, which LiteRT.js does not take`);
        return new Tensor(fill(dtype, [...shape]) as Float32Array, shape);
      });
      const run = async (): Promise<TensorValues> => {
        const results = await compiled.run(feeds);
        const [first] = results;
        if (first === undefined) throw new Error("it has no output");
        const values = await first.data();
        for (const result of results) result.delete();
        return values;
      };
      await run();
      return {
        inputs: shapesOf(inputs),
        outputs: shapesOf(compiled.getOutputDetails()),
        run,
        dispose: async () => {
          for (const feed of feeds) feed.delete();
          compiled.delete();
        },
      };
    },
    doNothing: ({ inputs, outputs }) => {
      // A sum of quantized numbers would need their scales.
      const isFloat = [inputs, outputs].every((shapes) =>
        Object.values(shapes).every(({ type }) => type === "float32"),
      );
      return backend === "wasm" && isFloat ? doNothingTflite(inputs, outputs) : null;
    },
  };
}
