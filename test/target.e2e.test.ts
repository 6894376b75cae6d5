import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { SearchEvent } from "../src/study/events.ts";
import { mnas, scratch } from "./mnas.ts";

const config = `export default { device: "madds", target: 0.001, trials: 48, batch: 8, seed: 1, finalists: 1 };\n`;

test("a search whose target no network keeps says so by trial 32, once, and offers the fastest", async () => {
  using folder = scratch();
  writeFileSync(join(folder.dir, "mnas.config.ts"), config);
  const { code, stdout } = await mnas(["search", "--out", "run", "--json"], folder.dir);
  expect(code).toBe(0);
  const events = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as SearchEvent);
  const at = events.findIndex(({ event }) => event === "warning");
  expect(events.slice(0, at).filter(({ event }) => event === "batch")).toHaveLength(4);
  expect(events.filter(({ event }) => event === "warning")).toEqual([
    {
      event: "warning",
      message: expect.stringMatching(
        /^probably no network of mnasnet-tiny is within the target of 0\.001 ms: the fastest of \d+ takes [\d.]+ ms \(trial \d+\), and the one that may be the fastest of all is predicted to take [\d.]+ ms \(95 % interval [\d.]+ ms to [\d.]+ ms\); stop and give/,
      ),
    },
  ]);
  const done = events.at(-1);
  if (done?.event !== "done") throw new Error("the search did not end");
  const trials = JSON.parse((await mnas(["trials", "run", "--json"], folder.dir)).stdout) as { latencyMs: number }[];
  expect(done.front).toEqual([]);
  expect(done.fastest?.latencyMs).toBe(Math.min(...trials.map(({ latencyMs }) => latencyMs)));

  const front = await mnas(["pareto", "run"], folder.dir);
  expect(front.stdout).toContain(`no trial is trained yet; the fastest is trial ${done.fastest!.number} with`);

  const resumed = await mnas(["search", "--resume", "run"], folder.dir);
  expect([resumed.code, resumed.stderr.includes("probably no network")]).toEqual([0, false]);
  expect(resumed.stdout).toContain(`the fastest is trial ${done.fastest!.number} with`);
  expect(resumed.stdout).toContain(`mnas train run#${done.fastest!.number} --out fastest.safetensors`);
});
