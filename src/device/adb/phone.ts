import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { makeTemporaryFolder, writeFileAtomically } from "../../util/files.ts";
import { atExit } from "./at-exit.ts";
import { throwFailure } from "./failures.ts";
import type { Adb, AdbOptions, AdbResult } from "./runner.ts";

const pushTimeoutMs = 600_000;

/** A phone, with a folder of ours on it. */
export interface Phone extends AsyncDisposable {
  /** On the phone. */
  readonly folder: string;
  /** Runs a command in the phone's shell, whatever comes of it. */
  readonly shell: (command: string, options?: AdbOptions) => Promise<AdbResult>;
  /** Puts a file of this machine, or bytes, into the folder. Throws `DEVICE_UNAVAILABLE`. */
  readonly put: (name: string, content: string | Uint8Array, options?: AdbOptions) => Promise<void>;
  /** Ends the program that the last command started, which wrote its number to the file `pid`. */
  readonly endProgram: () => Promise<void>;
  /** Throws `DEVICE_UNAVAILABLE` when the phone is not there any more. */
  readonly check: (what: string) => Promise<void>;
}

/**
 * A folder of its own on a phone, which is gone when this is disposed of or the process ends, if the phone is there then.
 *
 * @throws MnasError `DEVICE_UNAVAILABLE` when it cannot be made.
 */
export async function enterPhone(adb: Adb, name: string, serial: string, signal?: AbortSignal): Promise<Phone> {
  const folder = `/data/local/tmp/mnas-${randomBytes(6).toString("hex")}`;
  const local = makeTemporaryFolder("mnas-adb-");
  const at = ["-s", serial];
  const shell = (command: string, options?: AdbOptions): Promise<AdbResult> =>
    adb.run([...at, "shell", command], options);
  const endCommand = `kill -9 $(cat ${folder}/pid) 2>/dev/null`;
  const leaveCommand = `${endCommand}; rm -rf ${folder}`;
  const forget = atExit(() => {
    adb.runAtExit([...at, "shell", leaveCommand]);
    rmSync(local, { recursive: true, force: true });
  });
  const leave = async (): Promise<void> => {
    forget();
    rmSync(local, { recursive: true, force: true });
    // The phone may be gone; what is in the way of leaving is not what the user has to know.
    await shell(leaveCommand).catch(() => {});
  };
  try {
    const made = await shell(`mkdir ${folder}`, { signal });
    if (made.code !== 0) throwFailure(`open device "${name}"`, made);
  } catch (error) {
    await leave();
    throw error;
  }
  return {
    folder,
    shell,
    put: async (file, content, options) => {
      const path = typeof content === "string" ? content : join(local, file);
      if (typeof content !== "string") writeFileAtomically(path, content);
      const pushed = await adb.run([...at, "push", path, `${folder}/${file}`], {
        timeoutMs: pushTimeoutMs,
        ...options,
      });
      // Old versions of adb push a file of which nothing arrived and exit with 0.
      if (pushed.code !== 0 || /error: failed to copy/.test(pushed.stdout + pushed.stderr))
        throwFailure(`push ${file} to device "${name}"`, pushed);
    },
    endProgram: async () => {
      await shell(endCommand).catch(() => {});
    },
    check: async (what) => {
      const state = await adb.run([...at, "get-state"]);
      if (state.code !== 0 || state.stdout.trim() !== "device") throwFailure(what, state);
    },
    [Symbol.asyncDispose]: leave,
  };
}
