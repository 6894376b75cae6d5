import type { DeviceMessage, Job } from "../src/device/remote/messages.ts";
import { median } from "../src/device/statistics.ts";
import type { Reply, Request } from "./worker.ts";

/** A job that has ended, for people. */
export interface Done {
  readonly job: Job;
  readonly outcome:
    | { readonly kind: "measured"; readonly medianMs: number; readonly runs: number; readonly isUnstable: boolean }
    | { readonly kind: "failed"; readonly message: string };
}

interface Open {
  readonly job: Job;
  readonly model: Uint8Array;
  isStarted: boolean;
}

interface Options {
  readonly send: (message: DeviceMessage) => void;
  readonly onDone: (done: Done) => void;
}

export interface Jobs {
  readonly current: Job | null;
  begin(job: Job, model: Uint8Array): void;
  cancel(id: string): void;
  /** Forgets the job: the connection that it came by is gone. */
  drop(): void;
  /** Stops the job until `resume`, which begins it again. */
  pause(): void;
  resume(): void;
}

/** Has jobs done by a worker, which is ended with the job that it should stop: it may be deep in a network. */
export function createJobs({ send, onDone }: Options): Jobs {
  let worker: Worker | null = null;
  let open: Open | null = null;
  let isPaused = false;

  const stop = (): void => {
    worker?.terminate();
    worker = null;
  };
  const end = (message: DeviceMessage, outcome: Done["outcome"]): void => {
    const { job } = open!;
    open = null;
    send(message);
    onDone({ job, outcome });
  };
  const fail = (code: "MODEL_INVALID" | "DEVICE_UNAVAILABLE", message: string): void => {
    // What a failure leaves behind in the runtime's memory is not known.
    stop();
    end({ kind: "failed", id: open!.job.id, code, message }, { kind: "failed", message });
  };
  const take = (reply: Reply): void => {
    if (open === null) return;
    const { id } = open.job;
    if (reply.kind === "started") {
      if (!open.isStarted) send({ kind: "started", id });
      open.isStarted = true;
      return;
    }
    const { answer } = reply;
    if (answer.kind === "failed") return fail(answer.code, answer.message);
    const { samples, batch, overheadMs = 0, isUnstable = false } = answer;
    const medianMs = Math.max(0, median(samples) - overheadMs);
    end({ ...answer, id }, { kind: "measured", medianMs, runs: samples.length * batch, isUnstable });
  };
  const start = (): Worker => {
    const own = new Worker(new URL("./worker.ts", import.meta.url));
    own.addEventListener("message", ({ data }: MessageEvent<Reply>) => {
      if (worker === own) take(data);
    });
    own.addEventListener("error", ({ message }) => {
      if (worker !== own) return;
      stop();
      if (open !== null) fail("MODEL_INVALID", `it ended the worker (${message ?? "no reason given"})`);
    });
    return own;
  };
  const work = ({ job, model }: Open): void => {
    worker ??= start();
    worker.postMessage({ job, model } satisfies Request);
  };

  return {
    get current() {
      return open?.job ?? null;
    },
    begin: (job, model) => {
      if (open !== null) stop();
      open = { job, model, isStarted: false };
      if (!isPaused) work(open);
    },
    cancel: (id) => {
      if (open?.job.id !== id) return;
      open = null;
      stop();
    },
    drop: () => {
      if (open !== null) stop();
      open = null;
    },
    pause: () => {
      isPaused = true;
      if (open !== null) stop();
    },
    resume: () => {
      isPaused = false;
      if (open !== null) work(open);
    },
  };
}
