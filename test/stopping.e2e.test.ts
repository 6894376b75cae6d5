import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { TrialRow } from "../src/study/events.ts";
import { mnas, scratch, start } from "./mnas.ts";
import { toyConfig } from "./toy.ts";

const config = toyConfig(`
  device: "madds",
  target: 0.02,
  gate: 4,
  batch: 4,
  seed: 5,
  trials: 12,
  finalists: 0,
  proxy: { epochs: 0.2, batch: 32 },
  stopping: { rungs: [0.25, 0.5], keep: 0.34 },
`);

const rowsOf = async (dir: string, cwd: string): Promise<TrialRow[]> =>
  JSON.parse((await mnas(["trials", dir, "--json"], cwd)).stdout) as TrialRow[];

test("a search that stops trainings early, killed and resumed with any number of workers, ends as an uninterrupted one", async () => {
  using folder = scratch();
  const { dir } = folder;
  writeFileSync(join(dir, "mnas.config.ts"), config);
  const whole = await mnas(["search", "--workers", "2", "--out", "whole"], dir);
  expect([whole.code, whole.stderr]).toEqual([0, expect.stringContaining("stopped early")]);
  const rows = await rowsOf("whole", dir);
  const stopped = rows.filter(({ state, source }) => state === "stopped" && source === null);
  expect(stopped.length).toBeGreaterThan(0);
  // The first is trained to its end; those after it in its batch have it to measure up to.
  expect(rows.slice(0, 4).map(({ state }) => state)).toEqual(expect.arrayContaining(["complete", "stopped"]));
  expect(rows[0]!.state).toBe("complete");
  for (const { number, accuracy, rungs, reason, reward } of stopped) {
    expect([accuracy, rungs!.length < 3, reward! > 0]).toEqual([null, true, true]);
    expect(reason).toMatch(/^after [\d.]+ % of its training: [\d.]+ % accurate, [\d.]+ % needed at its latency$/);
    expect(existsSync(join(dir, "whole", "trials", String(number).padStart(6, "0")))).toBe(false);
  }
  expect(readdirSync(join(dir, "whole", "trials")).length).toBe(
    rows.filter(({ state, source }) => state === "complete" && source === null).length,
  );

  // In the second batch.
  const { child, ended } = start(["search", "--workers", "1", "--out", "cut", "--json"], dir);
  let seen = 0;
  child.stdout!.on("data", (text) => {
    seen += String(text).split('"event":"trial"').length - 1;
    if (seen >= 6) child.kill("SIGKILL");
  });
  expect((await ended).code).not.toBe(0);
  expect((await mnas(["search", "--resume", "cut", "--workers", "3"], dir)).code).toBe(0);
  expect(await rowsOf("cut", dir)).toEqual(rows);
});
