import { MnasError, type ErrorCode } from "../errors.ts";
import { onEndingSignal } from "../util/signals.ts";
import { say } from "./output.ts";

/** How often a command that npx started looks whether npx is still there, in ms. */
const lookEveryMs = 500;

/**
 * Calls `stop` when npx, which started this command, is gone. A shell may end before a search that it started, but npx
 * always waits for its command: it was killed, and its user believes that the search has ended too.
 *
 * @returns a function that ends the watch.
 */
function onNpxGone(stop: () => void): () => void {
  if (process.env["npm_command"] !== "exec" || process.platform === "win32") return () => {};
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    stop();
  }, lookEveryMs);
  watch.unref();
  return () => clearInterval(watch);
}

/** Waits for a result, but no longer than until `signal` aborts; throws its reason then. */
export function abortable<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason as Error);
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
  return Promise.race([result, aborted]);
}

/** Errors that a signal causes when it reaches our helper processes as well. */
const helperGone: ReadonlySet<ErrorCode> = new Set([
  "DEVICE_UNAVAILABLE",
  "EVALUATOR_UNAVAILABLE",
  "WORKER_UNAVAILABLE",
]);

/**
 * Does work that Ctrl-C or another ending signal stops; a second signal ends the process at once.
 *
 * @param isQuiet says nothing, for --json.
 * @param ended makes the error of the stopped work: `INTERRUPTED`, with how to go on.
 */
export async function interruptible<T>(
  isQuiet: boolean,
  ended: () => MnasError,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const stop = (why: string): void => {
    if (!isQuiet) say(`\nstopping${why}`);
    controller.abort(ended());
  };
  const unlisten = onEndingSignal((signal) =>
    stop(signal === "SIGINT" ? "; press Ctrl-C again to stop at once" : ` on ${signal}; a second signal stops at once`),
  );
  const unwatch = onNpxGone(() => controller.signal.aborted || stop(", as npx is gone"));
  try {
    return await work(controller.signal);
  } catch (error) {
    const isHelperGone = error instanceof MnasError && helperGone.has(error.code);
    throw controller.signal.aborted && isHelperGone ? controller.signal.reason : error;
  } finally {
    unwatch();
    unlisten();
  }
}
