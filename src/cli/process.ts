import { onCacheFault } from "../data/cache.ts";
import { inWords, onDamage } from "../data/damage.ts";
import { otherExitCodes } from "../errors.ts";
import { onStoreWait } from "../store/patience.ts";
import { dieBySignals } from "../util/signals.ts";
import { say, warn } from "./output.ts";

/**
 * Ends the command quietly when the reader of its output goes away (`| head`), as the signal SIGPIPE would: 128 + 13. The
 * workers of a search end with it, and the run can be resumed. A terminal that is gone (EIO) has sent SIGHUP, which ends
 * the command.
 */
export function endWithReader(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(otherExitCodes.readerGone);
      if (error.code !== "EIO") throw error;
    });
  }
}

/** Tells the warnings of the whole process: damaged images, a cache that cannot be used, a study that others hold. */
export function tellWarnings(asJson: boolean): void {
  // Commands that draw a bar tell it in their own way; few ever need the module of notices.
  const tellWarning = (message: string): void => {
    const tell = ({ noticeView }: typeof import("./notices.ts")): void =>
      noticeView(asJson ? "stderr" : "none")({ event: "warning", message });
    void import("./notices.ts").then(tell);
  };
  onDamage(inWords(tellWarning));
  onCacheFault(tellWarning);
  // The thread is blocked meanwhile, and hears no signal; all that is recorded is kept.
  onStoreWait((message) => {
    const text = `${message}; Ctrl-C ends the command`;
    if (asJson) say(JSON.stringify({ event: "warning", message: text }));
    else warn(text);
    return dieBySignals();
  });
}
