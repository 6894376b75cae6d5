import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { barLine } from "../src/cli/bar.ts";
import { findNetwork } from "../src/cli/network.ts";
import { createPace } from "../src/cli/pace.ts";
import { frontTable } from "../src/cli/tables.ts";
import { formatArch } from "../src/space/notation.ts";
import { shellWord } from "../src/util/shell.ts";
import type { Int8Report } from "../src/export/int8.ts";
import { mnas, scratch, start } from "./mnas.ts";

/** Runs a command that must fail, in a folder with these files, and returns what the user sees. */
async function failure(args: string[], files: Record<string, string | Uint8Array> = {}) {
  using folder = scratch();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder.dir, name, ".."), { recursive: true });
    writeFileSync(join(folder.dir, name), content);
  }
  const names = (): string[] =>
    readdirSync(folder.dir, { recursive: true })
      .map(String)
      .toSorted((a, b) => a.localeCompare(b));
  const before = names();
  const { code, stdout, stderr } = await mnas(args, folder.dir);
  // Nothing half-written is left behind.
  expect(names()).toEqual(before);
  expect(stdout).toBe("");
  return { code, says: stderr };
}

const config = (text: string): Record<string, string> => ({ "mnas.config.ts": `export default { ${text} };\n` });
const layers = "in28x28x1 stem8_k3_s11 r999999_k3_s11_e1_i8_o8 head0 classes2";
/** A config as `mnas init` writes it, wrong in a way that shows that it was read. */
const typed = 'import { defineConfig } from "mnas";\nexport default defineConfig({ gate: 0 });\n';

test.each<[string, string[], Record<string, string | Uint8Array>, number, string]>([
  ["an unknown option", ["search", "--trails", "8"], {}, 2, "Did you mean --trials?"],
  ["an unknown command", ["serach"], {}, 2, "Did you mean search?"],
  ["a target of zero", ["search", "--target", "0"], {}, 2, "It must be a time above 0"],
  ["a target that is no number", ["search", "--target", "NaN"], {}, 2, "It must be a time above 0"],
  ["a negative number of trials", ["search", "--trials", "-1"], {}, 2, "It must be a positive integer"],
  [
    "an unknown preset",
    ["search", "--space", "mnasnet-huge"],
    {},
    2,
    'Cannot use space "mnasnet-huge": no such preset',
  ],
  ["an unknown searcher", ["search", "--searcher", "bayes"], {}, 2, "Allowed choices are"],
  ["an unknown device", ["search", "--device", "pixel"], {}, 2, 'Cannot open device "pixel"'],
  ["data that are not there", ["search", "--data", "./photos"], {}, 3, '/photos": no such folder'],
  ["a config with a typo", ["search"], config("trails: 8"), 2, 'Unrecognized key: "trails"'],
  ["a config with two mistakes", ["search"], config("trials: 0, gate: 0"), 2, "gate"],
  [
    "a config that is no TypeScript",
    ["search"],
    { "mnas.config.ts": "export default {" },
    2,
    "Cannot use mnas.config.ts: line 1: ",
  ],
  ["a config that imports mnas, anywhere", ["search"], { "mnas.config.ts": typed }, 2, "at gate"],
  [
    "a config that imports mnas, among CommonJS",
    ["search"],
    { "mnas.config.ts": typed, "package.json": '{ "type": "commonjs" }' },
    2,
    "at gate",
  ],
  [
    "a config that imports what is not there",
    ["search"],
    { "mnas.config.ts": 'import "nothing-like-this";\nexport default {};' },
    2,
    "hint: Correct the import, or install the package",
  ],
  ["a config that throws", ["search"], config("trials: nope()"), 2, "line 1:26: nope is not defined"],
  ["a config that is a folder", ["search", "--config", "a"], { "a/b.ts": "" }, 3, "it is a folder"],
  [
    "a reward function that throws",
    ["search"],
    config('reward: () => { throw new Error("my own words"); }'),
    2,
    'the reward function throws "Error: my own words"',
  ],
  [
    "a reward function that forgets the slow networks",
    ["search"],
    config("reward: ({ accuracy, latencyMs, targetMs }) => { if (latencyMs < targetMs) return accuracy; }"),
    2,
    "the reward is undefined",
  ],
  ["a config without export", ["search"], { "mnas.config.ts": "const a = 1;" }, 2, "it has no default export"],
  [
    "a config file that is not there",
    ["search", "--config", "my.ts"],
    {},
    3,
    'Cannot read config "my.ts": no such file',
  ],
  [
    "a space whose decision has no choices",
    ["search"],
    config(
      'space: { name: "mine", decisions: [], template: { blocks: [{ kernel: { kind: "oneOf", tag: "kernel", choices: [] } }] } }',
    ),
    2,
    'decision blocks.0.kernel ("kernel") has no choices',
  ],
  [
    "a run folder that exists",
    ["search", "--out", "old"],
    { "old/notes.txt": "mine" },
    2,
    "it exists and is not empty",
  ],
  ["a run folder that is a file", ["search", "--out", "old"], { old: "mine" }, 2, "it is a file"],
  ["a run folder in a file", ["search", "--out", "old/run"], { old: "mine" }, 3, "a part of its path is a file"],
  ["a run folder without a name", ["search", "--out", ""], {}, 2, "It must not be empty"],
  ["no run to resume", ["search", "--resume"], {}, 3, "Cannot find a run"],
  ["a run that is not there", ["trials", "nope"], {}, 3, 'Cannot find run "nope"'],
  ["a corrupt study", ["trials", "old"], { "old/study.db": "no database ".repeat(400) }, 2, "file is not a database"],
  ["a corrupt model", ["measure", "bad.onnx"], { "bad.onnx": "not a model" }, 2, "bad.onnx"],
  ["a model that is not there", ["measure", "bad.onnx"], {}, 3, "no such file"],
  ["an unknown network", ["measure", "resnet"], {}, 2, 'Cannot find network "resnet"'],
  [
    "a notation that does not fit",
    ["measure", "in28x28x1 stem8_k3_s11 r1_k3_s11_e1_i9_o8 head0 classes2"],
    {},
    2,
    "takes 9 channels",
  ],
  ["an architecture file that is no JSON", ["measure", "a.json"], { "a.json": "{" }, 2, "it is not JSON"],
  ["an export over a file", ["export", "mnasnet-small", "--out", "m.onnx"], { "m.onnx": "mine" }, 2, "Use --force"],
  ["an export over a folder", ["export", "mnasnet-small", "--out", "a", "--force"], { "a/b": "" }, 3, "it is a folder"],
  [
    "an export into another format",
    ["export", "mnasnet-small", "--out", "m.onnx", "--format", "tflite"],
    {},
    2,
    "ending says onnx",
  ],
  ["an export in no format", ["export", "mnasnet-small", "--out", "m.bin"], {}, 2, "does not say in which format"],
  ["random weights", ["export", "mnasnet-small", "--out", "m.tflite"], {}, 2, "or add --untrained for random weights"],
  [
    "int8 of random weights",
    ["export", "mnasnet-small", "--untrained", "--int8", "--out", "m.tflite"],
    {},
    2,
    "in int8",
  ],
  [
    "data of another network",
    ["export", "mnasnet-small", "--untrained", "--size", "32", "--data", "fashion-mnist", "--out", "m.tflite"],
    {},
    2,
    "the network is for 32×32×3, 1000 classes",
  ],
  ["a TFLite file for ONNX Runtime", ["measure", "m.tflite"], { "m.tflite": "x" }, 2, "the device runs ONNX models"],
  ["a training to overwrite nothing", ["train", "mnasnet-small", "--force"], {}, 2, "no file to overwrite"],
  [
    "a training to resume and overwrite",
    ["train", "mnasnet-small", "--out", "w", "--resume", "--force"],
    {},
    2,
    "--resume goes on with what is there",
  ],
  ["a width of a trial", ["train", "old#1", "--width", "0.5"], {}, 2, "Cannot apply --width"],
  ["a size of the embedded images", ["train", "mnasnet-small", "--size", "64"], {}, 2, "its images are 28×28"],
  ["weights into no folder", ["train", "mnasnet-small", "--out", "a/w.safetensors"], {}, 3, "no such folder"],
  ["too many classes", ["measure", "mnasnet-a1", "--classes", "1000000000"], {}, 2, "parameters, must be at most"],
  ["too large images", ["measure", "mnasnet-a1", "--size", "100000"], {}, 2, "bytes of activations, must be at most"],
  ["too many layers", ["models", layers], {}, 2, "999,999 layers, must be at most"],
  [
    "a model's name that is also a file's",
    ["measure", "mnasnet-small"],
    { "mnasnet-small": "{}" },
    2,
    "Use zoo:mnasnet-small for the model, or ./mnasnet-small for the file",
  ],
  [
    "the embedded data's name that is also a folder's",
    ["train", "mnasnet-small", "--data", "fashion-mnist"],
    { "fashion-mnist/a/b.png": "" },
    2,
    "Use embedded:fashion-mnist for the embedded data, or ./fashion-mnist for the folder",
  ],
  ["a trial given without number", ["show", "old"], {}, 2, "it must be RUN#N"],
])("%s is an error in one line with a way out", async (_, args, files, exitCode, text) => {
  const { code, says } = await failure(args, files);
  expect(says).toContain(text);
  expect(says).not.toMatch(/\n\s+at /);
  expect(code).toBe(exitCode);
});

test("errors are JSON when asked for", async () => {
  const { says } = await failure(["trials", "nope", "--json"]);
  expect(JSON.parse(says)).toMatchObject({ error: { code: "RUN_NOT_FOUND", hint: expect.any(String) } });
  const usage = await failure(["trials", "--json"]);
  expect(JSON.parse(usage.says)).toMatchObject({ error: { code: "USAGE" } });
});

test("models --json prints the whole network", async () => {
  using folder = scratch();
  const { stdout, code } = await mnas(["models", "mnasnet-a1", "--json"], folder.dir);
  const model = JSON.parse(stdout) as { layers: Record<string, unknown>[] };
  expect(code).toBe(0);
  expect(model).toMatchObject({ name: "mnasnet-a1", params: 3_887_038, madds: 311_579_072 });
  expect(model.layers[0]).toEqual({
    name: "stem",
    op: "Conv",
    kernel: 3,
    stride: 2,
    input: [224, 224, 3],
    output: [112, 112, 32],
    params: 928,
    madds: 10_838_016,
  });
});

test("a network goes from JSON to a file, and the file to a latency", async () => {
  using folder = scratch();
  const model = await mnas(["models", "mnasnet-small", "--size", "32", "--classes", "10", "--json"], folder.dir);
  writeFileSync(join(folder.dir, "small.json"), model.stdout);
  const exported = await mnas(
    ["export", "small.json", "--untrained", "--out", "small.onnx", "--seed", "3", "--json"],
    folder.dir,
  );
  expect(exported).toMatchObject({ code: 0 });
  const measured = await mnas(["measure", "small.onnx", "mnasnet-small", "--size", "32", "--json"], folder.dir);
  const rows = JSON.parse(measured.stdout) as { medianMs: number; device: string }[];
  expect(rows).toHaveLength(2);
  expect(rows[0]!.medianMs).toBeGreaterThan(0);
  expect(rows[0]!.device).not.toBe("");
});

test("init writes a config that search accepts, and does not overwrite it", async () => {
  using folder = scratch();
  expect((await mnas(["init"], folder.dir)).code).toBe(0);
  expect(readFileSync(join(folder.dir, "mnas.config.ts"), "utf8")).toContain("defineConfig");
  expect((await mnas(["init"], folder.dir)).code).toBe(2);
});

test("train trains, tests and writes weights that export takes", async () => {
  using folder = scratch();
  const notation = "in28x28x1 stem8_k3_s22 r1_k3_s22_e3_i8_o16_noskip head0 classes10";
  const args = ["train", notation, "--recipe", "proxy", "--epochs", "2", "--test", "--out", "w.safetensors", "--json"];
  const trained = await mnas(args, folder.dir);
  const [first, ...rest] = trained.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as object);
  expect(first).toMatchObject({ event: "progress", step: 109, steps: 218, loss: expect.any(Number) });
  expect((first as { validationAccuracy: number }).validationAccuracy).toBeGreaterThan(0.3);
  const result = rest.at(-1) as { accuracy: number; testAccuracy: number };
  expect(result.accuracy).toBeGreaterThan(0.3);
  expect(result.testAccuracy).toBeGreaterThan(0.3);
  const exported = await mnas(
    ["export", notation, "--weights", "w.safetensors", "--out", "m.onnx", "--json"],
    folder.dir,
  );
  expect(JSON.parse(exported.stdout)).toMatchObject({ isTrained: true });
  expect(existsSync(join(folder.dir, "m.onnx"))).toBe(true);
  const int8 = ["export", "--weights", "w.safetensors", "--int8"];
  const small = await mnas([...int8, "--out", "m.tflite", "--json"], folder.dir);
  const { int8: report } = JSON.parse(small.stdout) as { int8: Int8Report };
  expect(report.floatAccuracy).toBeCloseTo(result.accuracy, 6);
  expect(Math.abs(report.accuracy - report.floatAccuracy)).toBeLessThan(0.1);
});

test("measuring leaves nothing in the home folder: the runtime's telemetry is off", async () => {
  using folder = scratch();
  const home = { HOME: folder.dir, USERPROFILE: folder.dir };
  const { code } = await start(["measure", "mnasnet-small", "--size", "32"], folder.dir, home).ended;
  expect([code, readdirSync(folder.dir)]).toEqual([0, []]);
});

test.runIf(process.platform === "linux")("a run folder where the system makes none is refused at once", async () => {
  const { code, says } = await failure(["search", "--out", "/proc/mnas/run"]);
  expect([code, says]).toEqual([3, expect.stringContaining('Cannot make folder "/proc/mnas/run"')]);
});

test("a search whose reader goes away stops as SIGPIPE would stop it, and can be resumed", async () => {
  using folder = scratch();
  const short = config('device: "madds", target: 0.02, gate: 100, finalists: 0, proxy: { epochs: 0.05 }');
  writeFileSync(join(folder.dir, "mnas.config.ts"), short["mnas.config.ts"]!);
  const search = ["search", "--json"];
  const { child, ended } = start([...search, "--trials", "400", "--out", "a run"], folder.dir);
  child.stdout!.once("data", () => child.stdout!.destroy());
  expect((await ended).code).toBe(141);
  const other = await mnas(["search", "--resume", "a run", "--space", "mnasnet"], folder.dir);
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("space: mnasnet-tiny → mnasnet\n") });
  const again = await mnas([...search, "--out", "a run"], folder.dir);
  expect(JSON.parse(again.stderr)).toMatchObject({ error: { hint: expect.stringContaining("--resume 'a run'") } });
  expect((await mnas(["trials", "a run"], folder.dir)).code).toBe(0);
});

test.skipIf(process.platform === "win32")("shellWord() gives what a shell reads back as the same word", () => {
  const word = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !/[\0\n]/.test(text));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 20 }), (words) => {
      const read = execFileSync("sh", ["-c", `printf '%s\\n' ${words.map(shellWord).join(" ")}`]).toString("utf8");
      expect(read).toBe(words.map((each) => `${each}\n`).join(""));
    }),
    { numRuns: 30 },
  );
  expect(shellWord("runs/2026-11-24#3")).toBe("runs/2026-11-24#3");
});

const row = {
  number: 7,
  state: "complete",
  notation: "in28x28x1 stem8_k3_s22 r1_k3_s22_e1_i8_o8 head0 classes10",
  accuracy: 0.5,
  latencyMs: 2,
  accuracyError: 0.011,
  isUnstable: false,
  reward: 0.25,
  params: 1000,
  madds: 1000,
  reason: null,
  rungs: null,
  source: null,
} as const;

test("a validation accuracy is shown with its standard error, where the number of images is known", () => {
  expect(frontTable([row], 2)).toContain("50.00 ± 1.10 %");
  expect(frontTable([{ ...row, accuracyError: null }], 2)).toContain("50.00 %");
});

test("a latency that may be too high because the device was not stable is marked", () => {
  expect(frontTable([row], 2)).not.toContain("unstable");
  expect(frontTable([{ ...row, isUnstable: true }], 2)).toContain("2.00 ms (unstable)");
});

test("the network in a table of trials is one that every command takes", () => {
  const line = frontTable([row], 2).split("\n").at(-1)!;
  const printed = line.slice(line.indexOf("in28x28x1")).trim();
  expect(formatArch(findNetwork(printed).arch)).toBe(row.notation);
});

test("a front that misses the target says so", () => {
  expect(frontTable([row], 2)).toContain("✓ within target");
  expect(frontTable([row], 2)).not.toContain("no trained network");
  expect(frontTable([row], 1.5)).not.toContain("✓");
  expect(frontTable([row], 1.5)).toContain("no trained network meets the target of 1.50 ms; the fastest takes 2.00 ms");
});

test("a bar gives up words of low rank for room, and keeps the time that is left", () => {
  const parts = [
    { text: "3/8 trials", rank: 2 },
    { text: "best reward 88.00 %", rank: 1 },
    { text: "2 min 05 s left", rank: 3 },
  ];
  const beside = (columns: number): string => barLine(0.5, parts, columns).replace(/^.*[█░]+ ?/, "");
  expect(beside(80)).toBe("3/8 trials · best reward 88.00 % · 2 min 05 s left");
  expect(beside(74)).toBe("3/8 trials · 2 min 05 s left");
  expect(beside(50)).toBe("2 min 05 s left");
  expect(beside(30)).toBe("");
});

test("time left counts trainings and not trials, and nothing is said before a batch has ended", () => {
  const pace = createPace(4);
  pace.worked(1);
  expect(pace.left({ trialsLeft: 15, finalsLeft: 2, underWay: 0 }, 10)).toBe(null);
  pace.worked(1);
  pace.batch(8, 2);
  // A quarter is trained: of 8 trials that are left 2, and 2 finals that are worth 4 each, at 5 s.
  expect(pace.left({ trialsLeft: 8, finalsLeft: 2, underWay: 0 }, 10)).toBe(50);
  // Half a training more is done and no longer ahead.
  expect(pace.left({ trialsLeft: 8, finalsLeft: 2, underWay: 0.5 }, 12.5)).toBe(47.5);
});

test("doctor says what this machine has, and what is broken with what to do", async () => {
  using folder = scratch();
  const cache = join(folder.dir, "cache");
  mkdirSync(cache);
  writeFileSync(join(cache, "a.pack"), "x".repeat(2 ** 20));
  const sound = await start(["doctor", "--json"], folder.dir, { MNAS_CACHE_DIR: cache }).ended;
  expect(sound.code).toBe(0);
  const checks = JSON.parse(sound.stdout) as { name: string; isOk: boolean; says: string }[];
  expect(checks.map(({ isOk }) => isOk)).not.toContain(false);
  expect(checks.find(({ name }) => name === "cache")!.says).toBe(
    `${cache}: 1 file of decoded images, 1.0 MiB, which may be deleted`,
  );
  const broken = await start(["doctor"], folder.dir, { MNAS_CACHE_DIR: join(cache, "a.pack") }).ended;
  expect(broken).toMatchObject({ code: 4, stderr: expect.stringContaining("cache failed") });
  expect(broken.stdout).toMatch(/^fail {2}cache .*a\.pack".*Set MNAS_CACHE_DIR/m);
});
