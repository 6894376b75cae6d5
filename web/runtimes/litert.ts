import { getWebGpuDevice, loadAndCompile, loadLiteRt, supportsFeature, Tensor } from "@litertjs/core";
import { doNothingTflite } from "./do-nothing-tflite.ts";
import { checkInput, type Backend, type Runtime, type Shapes } from "./runtime.ts";

declare const LITERT_VERSION: string;

/** The server has the runtime's files beside this script, from the package that runs models on this side too. */
const here: string = import.meta.url;

type Details = ReturnType<Awaited<ReturnType<typeof loadAndCompile>>["getInputDetails"]>;

const shapesOf = (details: Details): Shapes =>
  Object.fromEntries(details.map(({ name, shape }) => [name, { dims: [...shape] }]));

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
        checkInput(name, dtype, [...shape]);
        return new Tensor(fill(shape.reduce((n, size) => n * size, 1)), shape);
      });
      const run = async (): Promise<Float32Array> => {
        const results = await compiled.run(feeds);
        const [first] = results;
        if (first === undefined) throw new Error("it has no output");
        const values = await first.data();
        for (const result of results) result.delete();
        return values as Float32Array;
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
    doNothing: ({ inputs, outputs }) => (backend === "wasm" ? doNothingTflite(inputs, outputs) : null),
  };
}
