import { fork, type ChildProcess } from "node:child_process";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { MnasError } from "../errors.ts";
import type { DeviceModel, LatencyDevice, MeasureOptions } from "./device.ts";
import type { Reply, Request } from "./host-messages.ts";
import { createTurns } from "../util/async.ts";
import { childOptions } from "../util/signals.ts";

/*
 * Models run in a process of their own: it can be tied to one core without tying what this process starts, a model
 * that crashes the runtime does not take the search with it, and no other work of ours shares its event loop.
 */

type ReplyOf<Kind extends Reply["kind"]> = Extract<Reply, { kind: Kind }>;

/** The process ended before it answered. */
class Died extends Error {
  readonly signal: NodeJS.Signals | null;

  constructor(code: number | null, signal: NodeJS.Signals | null, options?: ErrorOptions) {
    super(signal ?? `exit code ${code}`, options);
    this.signal = signal;
  }
}

/** An idle process must not keep its parent from ending, but one that is waited for must. */
function keep(child: ChildProcess, isNeeded: boolean): void {
  const change = isNeeded ? "ref" : "unref";
  child[change]();
  child.channel?.[change]();
}

function errorOf({ code, message, hint, cause }: ReplyOf<"failed">): Error {
  if (code === null) return new Error(message, { cause });
  return new MnasError(code, message, { cause, ...(hint === undefined ? {} : { hint }) });
}

/** The next message of a process. When `signal` aborts, the process is killed: it may be deep in a model. */
function replyOf<Kind extends Reply["kind"]>(
  child: ChildProcess,
  _kind: Kind,
  signal?: AbortSignal,
): Promise<ReplyOf<Kind>> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      child.off("message", onMessage).off("exit", onExit).off("error", onError);
      signal?.removeEventListener("abort", onAbort);
      keep(child, false);
    };
    const onMessage = (reply: Reply): void => {
      end();
      if (reply.kind === "failed") reject(errorOf(reply));
      else resolve(reply as ReplyOf<Kind>);
    };
    const onExit = (code: number | null, by: NodeJS.Signals | null): void => {
      end();
      reject(new Died(code, by));
    };
    const onError = (cause: Error): void => {
      end();
      reject(new Died(1, null, { cause }));
    };
    const onAbort = (): void => {
      end();
      child.kill("SIGKILL");
      reject(signal!.reason as Error);
    };
    child.on("message", onMessage).on("exit", onExit).on("error", onError);
    signal?.addEventListener("abort", onAbort);
    keep(child, true);
  });
}

/** False as soon as the process is known to have ended; its channel may be closed later, and waiting then never ends. */
const isAlive = (child: ChildProcess): boolean =>
  child.connected && child.exitCode === null && child.signalCode === null;

async function start(): Promise<{ child: ChildProcess; ready: ReplyOf<"ready"> }> {
  const entry = fileURLToPath(new URL(`./host-process${extname(import.meta.url)}`, import.meta.url));
  // The runtime writes to standard error by itself about models that are wrong; we say it in our own words.
  const child = fork(entry, {
    serialization: "advanced",
    execArgv: [...childOptions],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  try {
    return { child, ready: await replyOf(child, "ready") };
  } catch (error) {
    child.kill("SIGKILL");
    if (!(error instanceof Died)) throw error;
    throw new MnasError("DEVICE_UNAVAILABLE", `Cannot open device "host": its process ended (${error.message})`, {
      cause: error,
    });
  }
}

async function close(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  keep(child, true);
  const gone = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
  });
  const late = setTimeout(() => child.kill("SIGKILL"), 2000);
  if (child.connected) child.disconnect();
  await gone;
  clearTimeout(late);
}

/** Signals by which a process is ended from outside, or by the system for want of memory. */
const killed: ReadonlySet<NodeJS.Signals | null> = new Set(["SIGKILL", "SIGTERM", "SIGHUP"]);

/**
 * This machine's CPU: ONNX Runtime, one thread, batch 1.
 *
 * @throws MnasError `DEVICE_UNAVAILABLE` when the runtime does not load.
 */
export async function openHost(): Promise<LatencyDevice> {
  const first = await start();
  const { cpu, runtimeVersion, threads } = first.ready;
  let child: ChildProcess | null = first.child;
  const inTurn = createTurns();
  let isClosed = false;

  const fail = (name: string, problem: string, options?: { hint: string; cause: unknown }): never => {
    throw new MnasError("DEVICE_UNAVAILABLE", `Cannot measure "${name}": ${problem}`, options);
  };

  const measure = async ({ name, onnx, large }: DeviceModel, { signal, ...options }: MeasureOptions) => {
    signal?.throwIfAborted();
    if (isClosed) fail(name, "device host is closed");
    const [bytes, folder] = large === undefined ? [onnx(), null] : [large.model(), large.folder];
    const request: Request = { name, model: bytes, folder, options };
    signal?.throwIfAborted();
    if (child === null || !isAlive(child)) {
      child = (await start()).child;
      // Both may have changed meanwhile.
      signal?.throwIfAborted();
      if (isClosed) {
        await close(child);
        fail(name, "device host was closed");
      }
    }
    try {
      const reply = replyOf(child, "latency", signal);
      child.send(request, () => {});
      return (await reply).latency;
    } catch (error) {
      if (signal?.aborted === true || error instanceof Died) child = null;
      if (!(error instanceof Died)) throw error;
      if (isClosed) return fail(name, "device host was closed");
      if (killed.has(error.signal)) {
        const hint = "Try again; if it happens again, this machine may be short of memory.";
        return fail(name, `the process that runs it was killed (${error.message})`, { hint, cause: error });
      }
      throw new MnasError("MODEL_INVALID", `Cannot run "${name}" in ONNX Runtime: it crashed (${error.message})`, {
        cause: error,
      });
    }
  };

  return {
    name: "host",
    description: `${cpu}, ${threads} thread, ONNX Runtime ${runtimeVersion} CPU`,
    origin: "native",
    measure: (model, options = {}) => inTurn(() => measure(model, options)),
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
      if (child !== null) await close(child);
    },
  };
}
