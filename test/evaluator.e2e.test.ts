import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test, vi } from "vitest";
import { shellWord } from "../src/util/shell.ts";
import { lives, mnas, scratch, start } from "./mnas.ts";

const program = fileURLToPath(new URL("./evaluator-program.ts", import.meta.url));
const commandOf = (...args: string[]): string => [process.execPath, program, ...args].map(shellWord).join(" ");

const config = `
const oneOf = (tag, choices) => ({ kind: "oneOf", tag, choices });
export default {
  space: { name: "toy", decisions: [], template: {
    stem: { kernel: 3, stride: 2, filters: 8 },
    blocks: [{ op: "mbconv3", kernel: oneOf("kernel", [3, 5]), stride: 2, filters: oneOf("filters", [8, 12]), layers: 1,
      seRatio: oneOf("seRatio", [0, 0.25]), skip: "none" }],
    head: { filters: 0 }, dropout: 0 } },
  target: 0.02, trials: 4, batch: 4, workers: 1, finalists: 1,
};
`;

interface Done {
  readonly finals: readonly { name: string; isReference: boolean; model: string | null; testAccuracy: number | null }[];
}
const doneOf = (stdout: string): Done => JSON.parse(stdout.trimEnd().split("\n").at(-1)!) as Done;

function folderOf(): ReturnType<typeof scratch> {
  const folder = scratch();
  writeFileSync(join(folder.dir, "mnas.config.ts"), config);
  return folder;
}

test("an evaluator trains, measures and gives weights; its search cannot go on with another", async () => {
  using folder = folderOf();
  const search = ["search", "--json", "--device", "evaluator", "--evaluator", commandOf()];
  const { code, stdout, stderr } = await mnas([...search, "--out", "run"], folder.dir);
  expect([code, stderr]).toEqual([0, ""]);
  const [finalist, reference] = doneOf(stdout).finals;
  expect(finalist).toMatchObject({ isReference: false, testAccuracy: expect.any(Number) });
  expect(reference).toMatchObject({ isReference: true, model: null });
  expect(existsSync(join(folder.dir, "run", finalist!.model!))).toBe(true);
  const trials = JSON.parse((await mnas(["trials", "run", "--json"], folder.dir)).stdout) as {
    latencyMs: number;
    madds: number;
  }[];
  for (const { latencyMs, madds } of trials) expect(latencyMs).toBeCloseTo(madds / 4e6);

  const other = await mnas(["search", "--resume", "run", "--evaluator", "python3 other.py"], folder.dir);
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("evaluate: [") });
  const longer = await mnas(["search", "--resume", "run", "--trials", "6", "--json"], folder.dir);
  expect(longer).toMatchObject({ code: 0, stderr: "" });
});

test("without weights there is no model, and the run says so, each time", async () => {
  using folder = folderOf();
  const search = ["search", "--device", "madds", "--evaluator", commandOf("weightless")];
  const first = await mnas([...search, "--out", "run"], folder.dir);
  expect(first.code).toBe(0);
  expect(first.stderr).toMatch(/warning:.* trial \d has no model: the evaluator wrote no weights for it/);
  expect(first.stdout).not.toContain("model.onnx\n");
  const again = await mnas(["search", "--resume", "run", "--json"], folder.dir);
  expect(doneOf(again.stdout).finals.every(({ model }) => model === null)).toBe(true);
  expect(again.stdout).not.toContain("training it again");
});

test("networks with which an evaluator dies fail after three tries, and a search without any other says so", async () => {
  using folder = folderOf();
  const search = [
    "search",
    "--json",
    "--device",
    "madds",
    "--evaluator",
    commandOf("dies"),
    "--trials",
    "2",
    "--out",
    "run",
  ];
  const { code, stdout, stderr } = await mnas(search, folder.dir);
  expect([code, stderr]).toEqual([1, expect.stringContaining('"code":"TRAINING_FAILED"')]);
  expect(stdout).toContain("the evaluator died in search trial 0 (exit code 3: out of memory)");
  expect(stdout).toContain("run#0 failed: its evaluator died 3 times");
  expect(readFileSync(join(folder.dir, "run", "evaluator.log"), "utf8").split("out of memory")).toHaveLength(7);
});

test.each([
  [["--evaluator", commandOf("broken")], 4, "EVALUATOR_UNAVAILABLE", "exit code 1: No module named torch"],
  [["--evaluator", commandOf("chatter")], 2, "EVALUATOR_INVALID", "not JSON: epoch 1 of 8"],
  [["--device", "evaluator"], 2, "CONFIG_INVALID", "no evaluator is set"],
  [["--evaluator", "python3 'x.py"], 2, "USAGE", "A quotation mark is not closed"],
])("search %j ends with exit code %i and %s", async (args, code, name, message) => {
  using folder = folderOf();
  const ended = await mnas(["search", "--json", "--device", "madds", "--out", "run", ...args], folder.dir);
  expect(ended.code).toBe(code);
  expect(ended.stderr.trimEnd().split("\n")).toHaveLength(1);
  expect((JSON.parse(ended.stderr) as { error: object }).error).toMatchObject({
    code: name,
    message: expect.stringContaining(message),
  });
});

test.runIf(process.platform === "linux")("Ctrl-C stops a search and its evaluator, and it goes on", async () => {
  using folder = folderOf();
  const pids = join(folder.dir, "pids");
  const search = ["search", "--json", "--device", "madds", "--evaluator", commandOf("slow", pids), "--out", "run"];
  const { child, ended } = start(search, folder.dir);
  let isStopped = false;
  child.stdout!.on("data", (text) => {
    if (!isStopped && String(text).includes('"event":"trial"')) isStopped = child.kill("SIGINT");
  });
  expect(await ended).toMatchObject({ code: 130, stderr: expect.stringContaining("--resume run") });
  const started = readFileSync(pids, "utf8").trim().split("\n").map(Number);
  await vi.waitFor(() => expect(started.filter(lives)).toEqual([]), 10_000);
  expect(await mnas(["search", "--resume", "run", "--json"], folder.dir)).toMatchObject({ code: 0, stderr: "" });
});
