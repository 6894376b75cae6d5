import { execFile, spawnSync } from "node:child_process";
import { constants } from "node:os";
import { MnasError } from "../../errors.ts";

export interface AdbResult {
  /** Null when it was ended because it took too long. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface AdbOptions {
  /** Longest time it may take; a minute unless said. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** All that goes to phones goes through one of these; tests replay what phones say. */
export interface Adb {
  /**
   * Runs `adb` with arguments.
   *
   * @throws MnasError `DEVICE_UNAVAILABLE` when there is no such program; the reason of `options.signal` when that aborts.
   */
  readonly run: (args: readonly string[], options?: AdbOptions) => Promise<AdbResult>;
  /** The same where nothing can be waited for, since this process ends. What goes wrong is not told. */
  readonly runAtExit: (args: readonly string[]) => void;
}

const outputBytes = 16 * 2 ** 20;

/** The `adb` of this machine. */
export const systemAdb: Adb = {
  run: (args, { timeoutMs = 60_000, signal } = {}) =>
    new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const options = { timeout: timeoutMs, maxBuffer: outputBytes, ...(signal === undefined ? {} : { signal }) };
      execFile("adb", args, options, (error, stdout, stderr) => {
        if (signal?.aborted === true) return reject(signal.reason as Error);
        if (error === null) return resolve({ code: 0, stdout, stderr });
        if (typeof error.code === "number") return resolve({ code: error.code, stdout, stderr });
        if (error.killed === true) return resolve({ code: null, stdout, stderr });
        // As a shell says it.
        if (error.signal != null) return resolve({ code: 128 + constants.signals[error.signal], stdout, stderr });
        reject(
          new MnasError(
            "DEVICE_UNAVAILABLE",
            `Cannot use phones: \`adb\` does not run (${error.code ?? error.message})`,
            {
              hint: "Install the Android SDK Platform-Tools (developer.android.com/tools/releases/platform-tools) and put `adb` on the PATH.",
              cause: error,
            },
          ),
        );
      });
    }),
  runAtExit: (args) => {
    spawnSync("adb", args, { stdio: "ignore", timeout: 5000 });
  },
};
