/*
 * Entry of the thread that runs TFLite models. LiteRT's WebAssembly has a way for Node, but the package around it
 * expects a web worker: it gets `self` and `importScripts`, in a thread where nothing else sees them.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { compileFunction } from "node:vm";
import { parentPort } from "node:worker_threads";
import type { LiteRtOrder, LiteRtReply } from "./litert-messages.ts";

type Factory = (module?: object) => Promise<object>;

function importScripts(file: string): void {
  const names = ["require", "__filename", "__dirname"];
  const script = compileFunction(`${readFileSync(file, "utf8")}\nreturn ModuleFactory;`, names, { filename: file });
  const make = script(createRequire(file), file, dirname(file)) as Factory;
  Object.assign(globalThis, { ModuleFactory: make });
}

async function load() {
  // The runtime talks by itself, about what is wrong and what is not; we say it in our own words.
  for (const channel of ["log", "warn", "error"] as const) console[channel] = () => {};
  Object.assign(globalThis, { self: globalThis, importScripts });
  const runtime = await import("@litertjs/core");
  await runtime.loadLiteRt(`${join(dirname(createRequire(import.meta.url).resolve("@litertjs/core")), "../wasm")}/`);
  return runtime;
}

let loading: ReturnType<typeof load> | undefined;

async function run({ model, images }: LiteRtOrder): Promise<Float32Array> {
  const { loadAndCompile, Tensor } = await (loading ??= load());
  const compiled = await loadAndCompile(model, { accelerator: "wasm" });
  try {
    const shape = compiled.getInputDetails()[0]!.shape;
    const size = shape.reduce((n, dim) => n * dim, 1);
    const outputs: number[] = [];
    for (let at = 0; at < images.length; at += size) {
      const input = new Tensor(images.slice(at, at + size), shape);
      const [output, ...others] = await compiled.run([input]);
      outputs.push(...(output!.toTypedArray() as Float32Array));
      for (const tensor of [input, output!, ...others]) tensor.delete();
    }
    return Float32Array.from(outputs);
  } finally {
    compiled.delete();
  }
}

let last = Promise.resolve();
parentPort!.on("message", (order: LiteRtOrder) => {
  const { id } = order;
  last = last
    .then(() => run(order))
    .then(
      (outputs) => parentPort!.postMessage({ id, outputs } satisfies LiteRtReply),
      (error: unknown) => parentPort!.postMessage({ id, problem: String(error) } satisfies LiteRtReply),
    );
});
