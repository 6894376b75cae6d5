import { MnasError } from "../errors.ts";
import { isBusy } from "../util/lock.ts";

/** How long SQLite itself waits for another process, in ms; our own take far less. */
export const lookMs = 1000;
/** After so long, the other is no process of ours, and the user is told. */
const tellAfterMs = 3000;
/** A backup is over by then; a viewer that somebody left open is not. */
const mostMs = 120_000;

/** Begins to wait: told with a sentence, gives a function to call when the wait is over. */
type OnWait = (message: string) => () => void;

let listener: OnWait = (message) => {
  process.emitWarning(message, { type: "StudyBusy" });
  return () => {};
};

/** Takes the place of the process's own warning. The wait blocks the thread, so the listener must not wait itself. */
export function onStoreWait(listen: OnWait): void {
  listener = listen;
}

/** One holder keeps many processes waiting, which say so once in this time. */
const silenceMs = 60_000;
let toldAt = -Infinity;

/** Tells that another process of ours waits, unless that was said a moment ago. */
export function tellStoreWait(message: string): void {
  if (performance.now() - toldAt < silenceMs) return;
  toldAt = performance.now();
  listener(message)();
}

const held = (file: string, seconds: number, cause: unknown): MnasError =>
  new MnasError("RUN_BUSY", `Cannot use "${file}": another program has held it for ${seconds} s`, {
    hint: "Close the program that has it open, such as a viewer or a backup, then go on with `mnas search --resume`.",
    cause,
  });

/** Repeats work on a file while another program holds it. */
export type Patience = <T>(work: () => T) => T;

/**
 * Patience with the holders of one file. Once it was in vain, it is short: what follows is the end of a command.
 *
 * The patience throws MnasError `RUN_BUSY`, and other errors as they come.
 */
export function createPatience(file: string): Patience {
  let isSpent = false;
  return (work) => {
    const start = performance.now();
    let end: (() => void) | null = null;
    try {
      for (;;) {
        try {
          const result = work();
          isSpent = false;
          return result;
        } catch (error) {
          if (!isBusy(error)) throw error;
          const waitedMs = performance.now() - start;
          if (isSpent || waitedMs >= mostMs) {
            isSpent = true;
            throw held(file, Math.round(waitedMs / 1000), error);
          }
          if (waitedMs < tellAfterMs || end !== null) continue;
          toldAt = start + waitedMs;
          end = listener(`waiting for "${file}", which another program holds`);
        }
      }
    } finally {
      end?.();
    }
  };
}
