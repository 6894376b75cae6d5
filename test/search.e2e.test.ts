import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import type { Comparison } from "../src/report/report.ts";
import type { FinalRow } from "../src/study/events.ts";
import { mean, variance } from "../src/util/welch.ts";
import { mnas, scratch, start, workersOf } from "./mnas.ts";
import { toyConfig } from "./toy.ts";

/** A space and recipes small enough to search in seconds, through everything that a real search goes through. */
const config = toyConfig(`
  device: "madds",
  target: 0.02,
  batch: 4,
  proxy: { epochs: 0.2, batch: 32 },
  final: { epochs: 0.3, batch: 32 },
`);

const rowsOf = async (dir: string, cwd: string): Promise<unknown[]> =>
  JSON.parse((await mnas(["trials", dir, "--json"], cwd)).stdout) as unknown[];

test("search finds, trains, compares and exports networks, and everything it says can be read", async () => {
  using folder = scratch();
  writeFileSync(join(folder.dir, "mnas.config.ts"), config);
  const { code, stdout, stderr } = await mnas(
    ["search", "--trials", "8", "--seed", "1", "--out", "run", "--json"],
    folder.dir,
  );
  expect([code, stderr]).toEqual([0, ""]);
  const events = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(events.map(({ event }) => event).filter((event) => event !== "trial" && event !== "final")).toEqual([
    "data",
    "device",
    "target",
    "start",
    "proxy",
    "batch",
    "batch",
    "front",
    "finals",
    // None as accurate as the finalist: one more baseline.
    "finals",
    "done",
  ]);
  const done = events.at(-1) as {
    origin: string;
    front: { number: number }[];
    finals: FinalRow[];
    comparisons: Comparison[];
  };
  expect(done.front.length).toBeGreaterThan(0);
  expect(done.finals.some(({ isReference }) => isReference)).toBe(true);
  const finalist = done.finals.find(({ isReference }) => !isReference)!;
  const { seeds, testAccuracy, testDeviation, testError } = finalist;
  const tested = seeds.map((one) => one.testAccuracy!);
  expect(seeds.map(({ seed, state }) => [seed, state])).toEqual([0, 1, 2].map((seed) => [seed, "complete"]));
  expect(new Set(tested).size).toBeGreaterThan(1);
  expect([testAccuracy, testDeviation]).toEqual(
    [mean(tested), Math.sqrt(variance(tested))].map((x) => expect.closeTo(x, 12)),
  );
  expect(testError!).toBeGreaterThan(testDeviation! / Math.sqrt(3));
  const kept = seeds.find(({ number }) => number === finalist.number)!;
  expect(kept.accuracy).toBe(Math.max(...seeds.map(({ accuracy }) => accuracy!)));
  expect(testAccuracy).toBeGreaterThan(0.2);
  expect(done.origin).toBe("proxy");
  expect(done.comparisons).toMatchObject([
    {
      finalist: finalist.name,
      trainings: 3,
      gain: expect.any(Number),
      low: expect.any(Number),
      speedup: { hasInterval: true },
    },
  ]);
  expect(existsSync(join(folder.dir, "run", finalist.model!))).toBe(true);
  expect(existsSync(join(folder.dir, "run", finalist.tflite!))).toBe(true);
  const labels = readFileSync(join(folder.dir, "run", dirname(finalist.tflite!), "labels.txt"), "utf8");
  expect(labels.split("\n")).toHaveLength(11);
  expect(readFileSync(join(folder.dir, "run", "report.html"), "utf8")).toContain("<svg");

  const trials = (await rowsOf("run", folder.dir)) as { number: number; state: string }[];
  expect(trials.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  const front = JSON.parse((await mnas(["pareto", "run", "--json"], folder.dir)).stdout) as unknown[];
  expect(front).toEqual(done.front);

  const best = done.front[0]!.number;
  const shown = await mnas(["show", `run#${best}`, "--json"], folder.dir);
  expect(JSON.parse(shown.stdout)).toMatchObject({ number: best, state: "complete" });
  const exported = await mnas(["export", `run#${best}`, "--out", "m.onnx", "--json"], folder.dir);
  expect(JSON.parse(exported.stdout)).toMatchObject({ isTrained: true });
  const measured = await mnas(["measure", "m.onnx", "--json"], folder.dir);
  expect(JSON.parse(measured.stdout)).toHaveLength(1);
});

test("Ctrl-C stops cleanly, says how to go on, and a search with other settings is refused", async () => {
  using folder = scratch();
  writeFileSync(join(folder.dir, "mnas.config.ts"), config);
  const { child, ended } = start(["search", "--trials", "400", "--out", "run"], folder.dir);
  let isStopped = false;
  child.stderr!.on("data", (text) => {
    if (!isStopped && String(text).includes("batch")) isStopped = child.kill("SIGINT");
  });
  const { code, stderr } = await ended;
  expect(code).toBe(130);
  expect(stderr).toMatch(/Continue with `(npx )?mnas search --resume run`/);
  const other = await mnas(["search", "--resume", "run", "--seed", "9"], folder.dir);
  expect(other.code).toBe(2);
  expect(other.stderr).toContain("seed: 0 → 9");
});

test("a longer search goes on from a shorter one and ends as if it had been long from the start", async () => {
  using folder = scratch();
  writeFileSync(join(folder.dir, "mnas.config.ts"), config);
  const common = ["--seed", "2", "--finalists", "0", "--json"];
  await mnas(["search", ...common, "--trials", "4", "--out", "grown"], folder.dir);
  await mnas(["search", ...common, "--trials", "8", "--resume", "grown"], folder.dir);
  await mnas(["search", ...common, "--trials", "8", "--out", "whole"], folder.dir);
  expect(await rowsOf("grown", folder.dir)).toEqual(await rowsOf("whole", folder.dir));
});

test("a longer search keeps the long trainings that it still needs, and repeats those that were lost", async () => {
  using folder = scratch();
  writeFileSync(join(folder.dir, "mnas.config.ts"), config);
  // Its front has two networks.
  const search = ["search", "--json", "--seed", "5", "--trials", "8"];
  await mnas([...search, "--finalists", "1", "--final-seeds", "1", "--out", "run"], folder.dir);
  const weights = (final: number): string => join(folder.dir, "run", "finals", `00000${final}`, "weights.safetensors");
  const before = [0, 1].map((final) => statSync(weights(final)).mtimeMs);
  expect((await mnas([...search, "--finalists", "2", "--resume", "run"], folder.dir)).code).toBe(0);
  expect([0, 1].map((final) => statSync(weights(final)).mtimeMs)).toEqual(before);
  expect(existsSync(weights(2))).toBe(true);

  const whole = readFileSync(weights(0));
  writeFileSync(weights(0), whole.subarray(0, 100));
  const again = await mnas([...search, "--resume", "run"], folder.dir);
  expect(again).toMatchObject({ code: 0, stdout: expect.stringContaining("training it again") });
  expect(readFileSync(weights(0))).toEqual(whole);

  const more = await mnas([...search, "--final-seeds", "2", "--resume", "run"], folder.dir);
  expect([0, 1].map((final) => statSync(weights(final)).mtimeMs)).toEqual([statSync(weights(0)).mtimeMs, before[1]]);
  const done = JSON.parse(more.stdout.trimEnd().split("\n").at(-1)!) as { finals: FinalRow[] };
  expect(done.finals.map(({ seeds }) => seeds.length)).toEqual(done.finals.map(() => 2));
  const best = done.finals[0]!.name.replace("trial ", "run#");
  const exported = await mnas(["export", best, "--out", "best.onnx"], folder.dir);
  expect(exported.stderr).toContain("long training");
});

test("a search with a reward function goes on by the command that is printed, as it began", async () => {
  using folder = scratch();
  const write = (reward: string): void =>
    writeFileSync(
      join(folder.dir, "my.ts"),
      config.replace("export default {", `export default { seed: 1, trials: 99, reward: ${reward},`),
    );
  write("(m) => m.accuracy");
  const options = ["--seed", "6", "--trials", "4", "--finalists", "0", "--space", "mnasnet-tiny"];
  const whole = await mnas(["search", "--config", "my.ts", ...options, "--out", "run"], folder.dir);
  expect(whole.code).toBe(0);
  expect(whole.stdout).toContain("search --resume run --config my.ts --trials 8");
  const again = await mnas(["search", "--resume", "run", "--config", "my.ts"], folder.dir);
  expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining("4 trials") });

  write("(m) => 2 * m.accuracy");
  const other = await mnas(["search", "--resume", "run", "--config", "my.ts"], folder.dir);
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("reward: (m) => m.accuracy →") });
});

test("a reward function that has no value for a trial may be corrected, if it keeps the values it gave", async () => {
  using folder = scratch();
  const write = (reward: string): void =>
    writeFileSync(
      join(folder.dir, "mnas.config.ts"),
      config.replace("export default {", `let calls = 0;\nexport default { reward: ${reward},`),
    );
  const options = ["--seed", "6", "--trials", "8", "--finalists", "0"];
  // It is tried on networks of 100,000 parameters; of the others, the third has no value.
  write("(m) => (m.params !== 1e5 && ++calls > 2 ? NaN : m.accuracy)");
  const broken = await mnas(["search", ...options, "--out", "run"], folder.dir);
  expect(broken).toMatchObject({ code: 2, stderr: expect.stringContaining("the reward is NaN") });
  write("(m) => 2 * m.accuracy");
  const other = await mnas(["search", "--resume", "run"], folder.dir);
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("reward of trial 0: ") });
  write("(m) => m.accuracy");
  expect(await mnas(["search", "--resume", "run"], folder.dir)).toMatchObject({ code: 0 });
});

test.runIf(process.platform === "linux")(
  "a worker that is killed is replaced, and its trial is trained again",
  async () => {
    using folder = scratch();
    writeFileSync(join(folder.dir, "mnas.config.ts"), config);
    const options = ["--trials", "8", "--seed", "3", "--finalists", "0", "--workers", "2", "--json"];
    const { child, ended } = start(["search", ...options, "--out", "hurt"], folder.dir);
    let kills = 0;
    child.stdout!.on("data", (text) => {
      // At a result, other trials of the batch are being trained.
      if (kills > 0 || !String(text).includes('"state":"complete"')) return;
      for (const pid of workersOf(child.pid!)) {
        process.kill(pid, "SIGKILL");
        kills += 1;
      }
    });
    const { code, stdout } = await ended;
    expect([code, kills > 0]).toEqual([0, true]);
    expect(stdout).toContain("another takes its place");
    await mnas(["search", ...options, "--out", "whole"], folder.dir);
    expect(await rowsOf("hurt", folder.dir)).toEqual(await rowsOf("whole", folder.dir));
  },
);
