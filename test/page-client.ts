import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { WebSocket } from "ws";
import { timeRuns } from "../src/device/protocol.ts";
import type { Hello, Job, SearchMessage } from "../src/device/remote/messages.ts";

/** Something to serve where the real page is not built. */
export function pageFolder(dir: string): string {
  const folder = join(dir, "web");
  mkdirSync(join(folder, "assets"), { recursive: true });
  writeFileSync(join(folder, "index.html"), "<title>page</title>");
  writeFileSync(join(folder, "assets", "main-Ab3_x-9Z.js"), "export {};");
  writeFileSync(join(folder, "assets", "ort-wasm-simd-threaded.wasm"), Uint8Array.of(0, 97, 115, 109));
  writeFileSync(join(dir, "secret.html"), "secret");
  return folder;
}

export const onnxWasm = {
  id: "onnx-wasm",
  runtime: "ONNX Runtime Web",
  version: "1.30.0",
  provider: "WebAssembly",
  threads: 1,
  format: "onnx",
} as const;

export const hello: Hello = {
  kind: "hello",
  protocol: 1,
  name: "Pixel 8",
  device: "Pixel 8",
  os: "Android 15, Chrome 131",
  runtimes: [onnxWasm],
};

/** What a page does with a job; this one measures it, with another runtime than a browser's. */
async function measure({ id, options }: Job, model: Uint8Array, send: (message: object) => void): Promise<void> {
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 4 });
  } catch (error) {
    return send({ kind: "failed", id, code: "MODEL_INVALID", message: (error as Error).message });
  }
  const feeds = Object.fromEntries(
    session.inputMetadata.map((input) => {
      const dims = (input.isTensor ? input.shape : []).map((size) => (typeof size === "number" ? size : 1));
      return [input.name, new Tensor("float32", new Float32Array(dims.reduce((a, b) => a * b, 1)), dims)];
    }),
  );
  await session.run(feeds);
  send({ kind: "started", id });
  const runs = await timeRuns(() => session.run(feeds), options);
  await session.release();
  send({ kind: "result", id, ...runs, batch: 1, timerMs: 0 });
}

export type Answer = typeof measure;

/** A browser's side of the protocol. */
export interface PageClient {
  readonly socket: WebSocket;
  /** What the search said first: `welcome` or `refused`. */
  readonly greeting: Promise<SearchMessage>;
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  send(message: object): void;
}

interface ClientOptions {
  readonly hello?: Partial<Hello>;
  readonly headers?: Record<string, string>;
  readonly answer?: Answer;
}

/** Joins the server at the address of a page; `#TOKEN` at its end is said in the hello. */
export function joinAs(
  url: string,
  { hello: given = {}, headers = {}, answer = measure }: ClientOptions = {},
): PageClient {
  const { host, hash } = new URL(url);
  const socket = new WebSocket(`ws://${host}/socket`, { headers });
  const send = (message: object): void => socket.send(JSON.stringify(message));
  const token = hash === "" ? {} : { token: hash.slice(1) };
  let job: Job | null = null;
  const greeting = new Promise<SearchMessage>((resolve, reject) => {
    socket.on("message", (data: Buffer, isBinary) => {
      if (isBinary) return void answer(job!, data, send);
      const message = JSON.parse(data.toString()) as SearchMessage;
      if (message.kind === "job") job = message;
      else if (message.kind !== "cancel" && message.kind !== "ping") resolve(message);
    });
    socket.on("error", reject);
  });
  greeting.catch(() => {});
  const closed = once(socket, "close").then(([code, reason]) => ({
    code: code as number,
    reason: (reason as Buffer).toString(),
  }));
  closed.catch(() => {});
  socket.on("open", () => send({ ...hello, ...token, ...given }));
  return { socket, greeting, closed, send };
}
