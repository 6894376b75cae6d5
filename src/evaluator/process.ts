import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";

/** How a program ended. */
export interface Ending {
  /** For people: `SIGKILL`, `exit code 1`, or why it could not begin. */
  readonly how: string;
  /** Whether something else ended it, as the system does for want of memory. */
  readonly isKilled: boolean;
}

/** A program that talks in lines on its standard input and output. */
export interface LineProcess {
  readonly pid: number | undefined;
  /** Null while it runs, or while lines of it are left. */
  readonly ending: Ending | null;
  /** The last line of its standard error; empty without one. */
  readonly lastWords: string;
  send(line: string): void;
  /** Its next line; null when none came in `ms` milliseconds, or none ever will. Throws the signal's reason. */
  next(ms: number, signal?: AbortSignal): Promise<string | null>;
  kill(): void;
}

const isWindows = process.platform === "win32";

/** Ends a program that `startProcess` started, with everything that it started itself. */
export function killGroup(pid: number): void {
  try {
    process.kill(isWindows ? pid : -pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}

/** Calls `take` with each whole line of a stream of text; what a program did not finish when it died is no line. */
function splitLines(take: (line: string) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    const lines = (rest + text).split(/\r?\n/);
    rest = lines.pop()!;
    lines.forEach(take);
  };
}

/**
 * Starts a program in a process group of its own, so that Ctrl-C does not reach it and so that it can be ended with all
 * its children; it ends with this process. Its standard error is appended to the file that `log` names, if it names one.
 */
export function startProcess([program = "", ...args]: readonly string[], log: () => string | null): LineProcess {
  const child = spawn(program, args, { stdio: "pipe", detached: !isWindows, windowsHide: true });
  const lines: string[] = [];
  let ending: Ending | null = null;
  let lastWords = "";
  let wake = (): void => {};
  const kill = (): void => {
    if (ending === null && child.pid !== undefined) killGroup(child.pid);
  };
  const end = (how: string, isKilled: boolean): void => {
    process.off("exit", kill);
    ending ??= { how, isKilled };
    wake();
  };
  process.on("exit", kill);
  child.on("error", (error: NodeJS.ErrnoException) =>
    end(error.code === "ENOENT" ? "no such program" : (error.code ?? error.message), false),
  );
  // What it started may still hold its output open.
  child.on("exit", kill);
  child.on("close", (code, signal) => end(signal ?? `exit code ${code}`, signal !== null));
  // Who is gone does not read; its end tells.
  child.stdin.on("error", () => {});
  child.stdout.setEncoding("utf8").on(
    "data",
    splitLines((line) => {
      lines.push(line);
      wake();
    }),
  );
  const keep = splitLines((line) => {
    if (line.trim() !== "") lastWords = line.trim();
    const file = log();
    try {
      if (file !== null) appendFileSync(file, `${child.pid}: ${line}\n`);
    } catch {
      // The log is for people; a search does not end for want of it.
    }
  });
  child.stderr.setEncoding("utf8").on("data", keep);

  return {
    pid: child.pid,
    get ending() {
      return lines.length > 0 ? null : ending;
    },
    get lastWords() {
      return lastWords;
    },
    send: (line) => void child.stdin.write(`${line}\n`),
    async next(ms, signal) {
      signal?.throwIfAborted();
      if (lines.length === 0 && ending === null && ms > 0) {
        let timer: NodeJS.Timeout | undefined;
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
          timer = setTimeout(resolve, ms);
          signal?.addEventListener("abort", wake);
        });
        await woken;
        clearTimeout(timer);
        signal?.removeEventListener("abort", wake);
        signal?.throwIfAborted();
      }
      return lines.shift() ?? null;
    },
    kill,
  };
}
