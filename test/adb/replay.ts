import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { Adb } from "../../src/device/adb/runner.ts";

/** One call of adb and what came of it. */
export interface Call {
  readonly args: readonly string[];
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

/** What differs from run to run, by a name: our folder on the phone, our folder here, the program of the user. */
export const named = (arg: string): string =>
  arg
    .replaceAll(/mnas-[0-9a-f]{12}/g, "mnas-RANDOM")
    .replace(/^.*\/mnas-adb-[^/]+\//, "LOCAL/")
    .replace(/^.*\.sh$/, "TOOL");

/** An adb that says what a transcript says, to just the calls that are in it, in their order. */
export function replay(transcript: string): Adb & { readonly rest: () => readonly Call[] } {
  const calls = JSON.parse(readFileSync(new URL(`${transcript}.json`, import.meta.url), "utf8")) as Call[];
  return {
    run: async (args, { signal } = {}) => {
      signal?.throwIfAborted();
      const call = calls.shift();
      expect(args.map(named)).toEqual(call?.args);
      const { code, stdout, stderr } = call!;
      return { code, stdout, stderr };
    },
    runAtExit: () => expect.unreachable("nothing ends this process"),
    rest: () => calls,
  };
}
