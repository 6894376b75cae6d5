import { copyFileSync, cpSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, afterAll, expect, test } from "vitest";
import { openRun } from "../src/study/run.ts";
import { picture, times } from "./data-files.ts";
import { mnas, scratch } from "./mnas.ts";
import { toyConfig } from "./toy.ts";

const config = toyConfig(`
  device: "madds", target: 0.02, batch: 2, size: 16, trials: 2, finalists: 0,
  proxy: { epochs: 1, batch: 16 },
`);

/** Two classes of 24 images, `dark` and `light`, whose names and shades may be others. */
async function photos(dir: string, names: readonly [string, string], shade: number): Promise<void> {
  for (const [c, name] of names.entries()) {
    const level = shade + 90 * c;
    const color = (i: number) => ({ r: level + i, g: level, b: level - i });
    for (const i of times(24, (n) => n))
      await picture(dir, `${name}/${i}.png`, { color: color(i), width: 20, height: 20 });
  }
}

const folder = scratch();
const at = (...names: string[]): string => join(folder.dir, ...names);
let trial = "";

/** A finished run in `a`, on a folder that is called `photos` there; `b` has another folder of that name. */
beforeAll(async () => {
  for (const name of ["a", "b"]) mkdirSync(at(name));
  writeFileSync(at("a", "mnas.config.ts"), config);
  await photos(at("a", "photos"), ["dark", "light"], 40);
  await photos(at("b", "photos"), ["oak", "pine"], 70);
  const { code, stderr } = await mnas(["search", "--data", "photos", "--out", "run"], at("a"));
  expect([code, stderr]).toEqual([0, expect.stringContaining("photos: ")]);
  const rows = JSON.parse((await mnas(["trials", "run", "--json"], at("a"))).stdout) as {
    number: number;
    state: string;
  }[];
  trial = `run#${rows.find(({ state }) => state === "complete")!.number}`;
});
afterAll(() => folder[Symbol.dispose]());

/** Runs a command in a folder; what it wrote with `--out`, or why it refused. */
async function from(cwd: string, ...args: string[]) {
  const { code, stderr } = await mnas(args, at(cwd));
  return { code, says: stderr };
}

test("a trial is exported alike from every folder, also where another folder has the name of its data", async () => {
  expect(await from("a", "export", trial, "--out", "here.onnx")).toMatchObject({ code: 0 });
  expect(await from("b", "export", `../a/${trial}`, "--out", "there.onnx")).toMatchObject({ code: 0 });
  const model = readFileSync(at("a", "here.onnx"));
  expect(readFileSync(at("b", "there.onnx")).equals(model)).toBe(true);
  for (const name of ["dark", "light"]) expect(model.toString("latin1")).toContain(name);
  const other = await from("b", "export", `../a/${trial}`, "--data", "photos", "--out", "other.onnx");
  expect(other.code).toBe(2);
  expect(other.says).toContain("its classes are oak, pine, those of the weights dark, light");
});

test("a run whose images are gone does what needs none, and goes on where they are the same", async () => {
  renameSync(at("a", "photos"), at("moved"));
  const before = readFileSync(at("a", "here.onnx"));
  // Others take the old place.
  for (const place of ["nowhere", "others"]) {
    if (place === "others") cpSync(at("b", "photos"), at("a", "photos"), { recursive: true });
    const refusal = place === "nowhere" ? 3 : 2;
    expect(await from("b", "export", `../a/${trial}`, "--out", "m.onnx", "--force")).toMatchObject({ code: 0 });
    expect(readFileSync(at("b", "m.onnx")).equals(before)).toBe(true);
    for (const command of [
      ["export", trial, "--int8", "--out", "m.tflite"],
      ["search", "--resume", "run", "--trials", "4"],
      ["train", trial, "--epochs", "1"],
    ]) {
      const { code, says } = await from("a", ...command);
      expect([command[0], code, says]).toEqual([command[0], refusal, expect.stringContaining("with --data")]);
    }
  }
  for (const command of [
    ["trials", "run"],
    ["pareto", "run"],
    ["show", trial],
  ])
    expect(await from("a", ...command)).toMatchObject({ code: 0 });

  const refused = await from("a", "search", "--resume", "run", "--data", "photos", "--trials", "4");
  expect(refused.code).toBe(2);
  expect(refused.says).toContain("(oak, pine)");
  {
    using run = openRun(at("a", "run"));
    // What was refused has changed nothing.
    expect(run.store.get("config")!).toMatchObject({ trials: 2, data: at("a", "photos") });
  }
  const calibrated = await from("b", "export", `../a/${trial}`, "--int8", "--data", "../moved", "--out", "m.tflite");
  expect(calibrated).toMatchObject({ code: 0 });
  const resumed = await from("b", "search", "--resume", "../a/run", "--data", "../moved", "--trials", "4");
  expect(resumed).toMatchObject({ code: 0 });
  // It keeps the new place.
  expect(await from("a", "export", trial, "--int8", "--out", "m.tflite")).toMatchObject({ code: 0 });
});

test("data whose name is also that of the embedded ones must be named as one of both", async () => {
  mkdirSync(at("c"));
  cpSync(at("b", "photos"), at("c", "fashion-mnist"), { recursive: true });
  copyFileSync(at("a", "mnas.config.ts"), at("c", "mnas.config.ts"));
  const { code, says } = await from("c", "search", "--data", "fashion-mnist");
  expect(code).toBe(2);
  expect(says).toMatch(/Use embedded:fashion-mnist for the embedded data, or \.\/fashion-mnist for the folder\./);
  const own = await from("c", "profile", "--data", "./fashion-mnist", "--device", "nothing", "--out", "t.json");
  expect(own.says).toContain('Cannot open device "nothing"');
});
