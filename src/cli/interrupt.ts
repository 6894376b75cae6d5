import type { MnasError } from "../errors.ts";
import { say } from "./output.ts";

/**
 * Does work that Ctrl-C or a signal ends, at once when it comes twice.
 *
 * @param isQuiet says nothing, for --json.
 * @param ended what the work then ends with: `INTERRUPTED`, with how to go on.
 */
export async function interruptible<T>(
  isQuiet: boolean,
  ended: () => MnasError,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(130);
    if (!isQuiet) say("\nstopping; press Ctrl-C again to stop at once");
    stop.abort(ended());
  };
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  try {
    return await work(stop.signal);
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}
