import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { builtinEvaluator } from "../src/evaluator/builtin.ts";
import type { EvaluatorSettings } from "../src/evaluator/conversation.ts";
import { dataFolder, exportData } from "../src/evaluator/data.ts";
import { openEvaluatorDevice } from "../src/evaluator/device.ts";
import { outsideEvaluator } from "../src/evaluator/outside.ts";
import { parametersOf } from "../src/graph/graph.ts";
import { graphJson } from "../src/graph/json.ts";
import { shellWord, shellWords } from "../src/util/shell.ts";
import { deviceConformance } from "./contract/device.ts";
import { evaluated, evaluatorConformance, orderOf } from "./contract/evaluator.ts";
import { randomNetwork } from "./random-network.ts";
import { loadInMemory } from "./data-files.ts";
import { scratch } from "./mnas.ts";

const program = fileURLToPath(new URL("./evaluator-program.ts", import.meta.url));
const settingsOf = (...args: string[]): EvaluatorSettings => ({
  command: [process.execPath, program, ...args],
  timeoutMs: 60_000,
  startupTimeoutMs: 60_000,
});
const dataset = await loadInMemory(undefined, { seed: 0 });

function outside(dir: string, how: string, changes: Partial<EvaluatorSettings> = {}) {
  const warnings: string[] = [];
  const pids: (number | null)[] = [];
  const evaluator = outsideEvaluator({
    settings: { ...settingsOf(how), ...changes },
    dataset,
    dataDir: dataFolder(dir),
    log: () => join(dir, "evaluator.log"),
    warn: (message) => warnings.push(message),
    onProcess: (pid) => pids.push(pid),
  });
  return { evaluator, warnings, pids };
}

evaluatorConformance("the trainer of mnas", async () => builtinEvaluator(dataset));
evaluatorConformance("a program outside of mnas", async (dir) => outside(dir, "").evaluator);
deviceConformance("evaluator", true, async () =>
  openEvaluatorDevice({ settings: settingsOf(), log: () => null, warn: () => {} }),
);

test.each([
  ["chatter", "MnasError", /wrote a line that is not JSON: epoch 1 of 8$/],
  ["empty", "MnasError", /wrote an answer that says nothing: \{"id":1\}$/],
  ["nan", "EvaluationFailed", /its accuracy is not a number from 0 to 1: \{"id": 1, "accuracy": NaN\}/],
  ["large", "EvaluationFailed", /its accuracy is not a number from 0 to 1: .*93\.5/],
  ["weights", "MnasError", /"stem\.weight" is 3×3×1×12, must be 3×3×1×8/],
  ["dies", "EvaluatorDied", /^exit code 3: out of memory$/],
  ["cut", "EvaluatorDied", /^exit code 4$/],
])("an evaluator with %s gives an error that says so", async (how, name, message) => {
  using folder = scratch();
  const { evaluator } = outside(folder.dir, how);
  using _ = evaluator;
  await expect(evaluated(evaluator, orderOf(folder.dir))).rejects.toMatchObject({
    name,
    message: expect.stringMatching(message),
  });
});

test("an answer to nothing is ignored with a warning, and one program answers many requests", async () => {
  using folder = scratch();
  const { evaluator, warnings, pids } = outside(folder.dir, "stranger");
  using _ = evaluator;
  for (let i = 0; i < 3; i++) await evaluated(evaluator, orderOf(folder.dir));
  expect(warnings).toHaveLength(3);
  expect(warnings[0]).toContain("answered request 1001, which is not open");
  expect(pids).toHaveLength(1);
});

test("an evaluator that is silent is ended, and another is started", async () => {
  using folder = scratch();
  const { evaluator, pids } = outside(folder.dir, "silent", { timeoutMs: 50 });
  using _ = evaluator;
  for (let i = 0; i < 2; i++) {
    await expect(evaluated(evaluator, orderOf(folder.dir))).rejects.toMatchObject({
      name: "EvaluatorDied",
      message: "it said nothing for 0.05 s",
    });
  }
  expect(pids).toMatchObject([expect.any(Number), null, expect.any(Number), null]);
});

test("an evaluator that cannot start says why and what to do", async () => {
  using folder = scratch();
  const refusal = async (how: string, changes: Partial<EvaluatorSettings> = {}): Promise<unknown> => {
    const { evaluator } = outside(folder.dir, how, changes);
    using _ = evaluator;
    return await evaluated(evaluator, orderOf(folder.dir)).catch((error: unknown) => error);
  };
  const unavailable = (message: string): object => ({
    code: "EVALUATOR_UNAVAILABLE",
    message: expect.stringContaining(message),
    hint: expect.stringContaining('{"ready": true}'),
  });
  expect(await refusal("broken")).toMatchObject(unavailable("exit code 1: No module named torch"));
  expect(readFileSync(join(folder.dir, "evaluator.log"), "utf8")).toMatch(/^\d+: No module named torch\n$/);
  expect(await refusal("", { command: ["no-such-program"] })).toMatchObject(
    unavailable('Cannot start evaluator "no-such-program": no such program'),
  );
  const { name } = (await refusal("mute", { startupTimeoutMs: 60_000 })) as { name?: string };
  // Who answers without a word before has started too.
  expect(name).toBe(undefined);
  expect(await refusal("silent", { command: ["sleep", "60"], startupTimeoutMs: 50 })).toMatchObject(
    unavailable("it said nothing for 0.05 s"),
  );
});

test("a graph as JSON has every node after its inputs, and all parameters with their shapes", () => {
  fc.assert(
    fc.property(randomNetwork, (graph) => {
      const json = JSON.parse(JSON.stringify(graphJson(graph))) as ReturnType<typeof graphJson>;
      const seen = new Set<string>();
      for (const { name, inputs, attrs, shape, padding } of json.nodes) {
        expect(inputs.filter((input) => !seen.has(input))).toEqual([]);
        seen.add(name);
        expect(padding !== undefined).toBe("stride" in attrs);
        if (padding === undefined || !("stride" in attrs)) continue;
        const [height, width] = json.nodes.find((node) => node.name === inputs[0])!.shape;
        const out = (size: number, pad: number): number => Math.floor((size + pad - attrs.kernel) / attrs.stride) + 1;
        expect(shape.slice(0, 2)).toEqual([out(height, padding[0] + padding[1]), out(width, padding[2] + padding[3])]);
      }
      expect(json.nodes.flatMap(({ parameters }) => parameters)).toEqual(parametersOf(graph));
      expect([json.input, json.output].every((name) => seen.has(name))).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("the images of a run are written once, as arrays that say what they are", () => {
  using folder = scratch();
  const dir = dataFolder(folder.dir);
  exportData(dir, dataset);
  const images = readFileSync(join(dir, "train-images.npy"));
  const { count, height, width, channels, labels } = dataset.train;
  const start = 10 + images.readUInt16LE(8);
  expect(start % 64).toBe(0);
  expect(images.toString("latin1", 10, start)).toContain(`'shape': (${count}, ${height}, ${width}, ${channels},)`);
  expect(images.length).toBe(start + count * height * width * channels);
  expect(images.subarray(start).equals(dataset.train.pixels)).toBe(true);
  const bytes = readFileSync(join(dir, "train-labels.npy"));
  expect(bytes.readInt32LE(10 + bytes.readUInt16LE(8) + 4 * 7)).toBe(labels[7]);
  const facts = JSON.parse(readFileSync(join(dir, "data.json"), "utf8")) as {
    parts: Record<string, { images: string }>;
  };
  for (const { images: file } of Object.values(facts.parts)) expect(existsSync(join(dir, file))).toBe(true);
});

test("shellWords() reads what shellWord() wrote", () => {
  const word = fc
    .string({ unit: "grapheme-ascii" })
    .filter((text) => process.platform !== "win32" || !text.includes('"'));
  fc.assert(
    fc.property(fc.array(word), (words) => {
      expect(shellWords(words.map(shellWord).join(" "))).toEqual(words);
    }),
  );
  expect(shellWords(`python3 'my trainer.py' --x="a b"`)).toEqual(["python3", "my trainer.py", "--x=a b"]);
  expect(shellWords("python3 'trainer.py")).toBe(null);
});
