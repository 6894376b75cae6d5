import { expect, test } from "vitest";
import { warningGroups } from "../src/cli/warnings.ts";
import type { Warning } from "../src/device/options.ts";

const failed = (trial: string, reason: string): Warning => ({
  event: "warning",
  message: `${trial} failed: ${reason}`,
  subject: trial,
});

const messages = (warnings: readonly (Warning | null)[]): (string | null)[] =>
  warnings.map((warning) => warning?.message ?? null);

test("of each kind of warning the first is told at once, and the others in one line with their number", () => {
  const groups = warningGroups();
  const memory = 'Cannot hold "run#1": too large';
  const told = [
    failed("run#0", "the loss is not finite"),
    failed("run#1", memory),
    failed("run#2", "the loss is not finite"),
    failed("run#10", memory.replace("run#1", "run#10")),
    failed("run#11", "the loss is not finite"),
    { event: "warning", message: "the disk is slow" } as const,
    { event: "warning", message: "the disk is slow" } as const,
  ].map((warning) => groups.next(warning));
  expect(messages(told)).toEqual([
    "run#0 failed: the loss is not finite",
    `run#1 failed: ${memory}`,
    null,
    null,
    null,
    "the disk is slow",
    null,
  ]);
  expect(messages(groups.rest())).toEqual([
    "2 more warnings like this: run#11 failed: the loss is not finite",
    'run#10 failed: Cannot hold "run#10": too large',
    "the disk is slow",
  ]);
  // What was told is not told again.
  expect(groups.rest()).toEqual([]);
  expect(groups.next(failed("run#12", "the loss is not finite"))).toBe(null);
  expect(messages(groups.rest())).toEqual(["run#12 failed: the loss is not finite"]);
});
