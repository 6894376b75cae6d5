import { MnasError, otherExitCodes } from "../errors.ts";
import { reportError } from "./output.ts";

const names = new Map<NodeJS.WriteStream, string>([
  [process.stdout, "standard output"],
  [process.stderr, "standard error"],
]);

/** The error of a stream that takes no more, but for a reader that left. */
function failure(stream: NodeJS.WriteStream, { code, message }: NodeJS.ErrnoException): MnasError {
  const action = `Cannot write to ${names.get(stream) ?? "a stream"}`;
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return isFull
    ? new MnasError("DISK_FULL", `${action}: no space left on the disk`, {
        hint: "Free some disk space and try again.",
      })
    : new MnasError("DISK_FAULTY", `${action}: ${message}`, { hint: "Send the output to another place." });
}

/**
 * Ends the command when its output goes nowhere. A reader that goes away (`| head`) ends it quietly, as the signal
 * SIGPIPE would: 128 + 13. A full disk ends it with an error. The workers of a search end with it, and the run can be
 * resumed. A terminal that is gone (EIO) has sent SIGHUP, which ends the command.
 */
export function endWithoutOutput({ json }: { json: boolean }): void {
  for (const stream of names.keys()) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(otherExitCodes.readerGone);
      if (error.code !== "EIO") process.exit(reportError(failure(stream, error), { json }));
    });
  }
}
