import type * as Ort from "onnxruntime-web";
import { fillAxes } from "../../src/device/axes.ts";
import type { TensorValues } from "../../src/device/inputs.ts";
import { doNothingModel } from "../../src/device/overhead.ts";
import type { Backend, Runtime, Shapes } from "./runtime.ts";

const load = async (backend: Backend): Promise<typeof Ort> =>
  backend === "wasm" ? import("onnxruntime-web/wasm") : import("onnxruntime-web/webgpu");

const shapesOf = (values: Ort.InferenceSession.OnnxValueMapType): Shapes =>
  Object.fromEntries(Object.entries(values).map(([name, { dims, type }]) => [name, { dims, type }]));

/** Also what waits for a GPU. */
async function valuesOf(value: Ort.InferenceSession.OnnxValueMapType[string] | undefined): Promise<TensorValues> {
  const data = await value?.getData();
  if (ArrayBuffer.isView(data)) return data;
  throw new Error("its output has no numbers");
}

/** ONNX Runtime Web, one thread. Throws when its files cannot be loaded. */
export async function openOnnx(backend: Backend): Promise<Runtime> {
  const ort = await load(backend);
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  const options: Ort.InferenceSession.SessionOptions = {
    executionProviders: [backend],
    executionMode: "sequential",
    graphOptimizationLevel: "all",
    logSeverityLevel: 3,
  };
  let isLost = false;
  // A first session loads the WebAssembly, so that what fails later is the model's fault.
  const probe = doNothingModel({ image: { dims: [1] } }, { logits: { dims: [1] } });
  await (await ort.InferenceSession.create(probe, options)).release();
  if (backend === "webgpu") void (await ort.env.webgpu.device).lost.then(() => (isLost = true));

  return {
    backend,
    get isLost() {
      return isLost;
    },
    load: async (model, fill) => {
      const session = await ort.InferenceSession.create(model, options);
      const declared = session.inputMetadata.map((input) => {
        if (!input.isTensor) throw new Error(`input "${input.name}" is not a tensor`);
        const axes = input.shape.map((size) => (size === "" || (typeof size === "number" && size <= 0) ? null : size));
        return { name: input.name, type: input.type, axes };
      });
      const feeds = Object.fromEntries(
        // The search has set all sizes but the batch's.
        fillAxes("the model", declared, {}).inputs.map(({ name, type, shape }) => [
          name,
          new ort.Tensor(type as "float32", fill(type, shape) as Float32Array, shape),
        ]),
      );
      const [output] = session.outputNames;
      if (output === undefined) throw new Error("it has no output");
      const first = await session.run(feeds);
      return {
        inputs: shapesOf(feeds),
        outputs: shapesOf(first),
        run: async () => valuesOf((await session.run(feeds))[output]),
        dispose: () => session.release(),
      };
    },
    doNothing: ({ inputs, outputs }) => (backend === "wasm" ? doNothingModel(inputs, outputs) : null),
  };
}
