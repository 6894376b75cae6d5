/* Output that nobody takes. */
import { spawnSync } from "node:child_process";
import { openSync } from "node:fs";
import { expect, test } from "vitest";
import { entry } from "./mnas.ts";

test.runIf(process.platform === "linux").each([
  ["words", [], "error: Cannot write to standard output: no space left on the disk\nhint: Free some disk space"],
  ["JSON", ["--json"], '{"error":{"code":"DISK_FULL","message":"Cannot write to standard output: no space left'],
])("results that a full disk does not take end the command with an error in %s", (_, options, says) => {
  const stdio = ["ignore", openSync("/dev/full", "w"), "pipe"] as const;
  const { status, stderr } = spawnSync(process.execPath, [entry, "models", ...options], { stdio: [...stdio] });
  expect([status, String(stderr)]).toEqual([4, expect.stringContaining(says)]);
});

test.runIf(process.platform === "linux")(
  "an error that a full disk does not take still has its kind of exit code",
  () => {
    const stdio = ["ignore", "pipe", openSync("/dev/full", "w")] as const;
    expect(spawnSync(process.execPath, [entry, "models", "nosuch"], { stdio: [...stdio] }).status).toBe(4);
  },
);
