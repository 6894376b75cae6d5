/* Entry of the thread in which networks run, so that the page and its connection stay alive. */
import type { Job } from "../src/device/remote/messages.ts";
import { createMeasurer, type Answer } from "./measure.ts";

/** What the page asks of its worker: one network at a time. */
export interface Request {
  readonly job: Job;
  readonly model: Uint8Array;
}

/** What the worker says of it. */
export type Reply = { readonly kind: "started" } | { readonly kind: "answer"; readonly answer: Answer };

const say = (reply: Reply): void => globalThis.postMessage(reply);
const measure = createMeasurer();

addEventListener("message", ({ data: { job, model } }: MessageEvent<Request>) => {
  void measure(job, model, () => say({ kind: "started" })).then((answer) => say({ kind: "answer", answer }));
});
