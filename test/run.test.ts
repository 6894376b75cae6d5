import { fork } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { createRun, findRun } from "../src/study/run.ts";
import { scratch } from "./mnas.ts";

const fail = (): never => {
  throw new Error("no space left");
};

test("createRun() that fails removes what it made, and not the user's folder", () => {
  using folder = scratch();
  const [own, fresh] = [join(folder.dir, "own"), join(folder.dir, "a", "b")];
  mkdirSync(own);
  for (const dir of [own, fresh]) expect(() => createRun(dir, fail)).toThrow("no space left");
  expect(readdirSync(folder.dir)).toEqual(["own"]);
  expect(readdirSync(own)).toEqual([]);
});

test("createRun() does not touch a run that another process is making or has made", () => {
  using folder = scratch();
  const dir = join(folder.dir, "run");
  const refusal = (says: string): string[] => {
    expect(() => createRun(dir, () => {})).toThrow(says);
    return readdirSync(dir);
  };
  {
    let during: string[] = [];
    using _ = createRun(dir, () => (during = refusal("it exists and is not empty")));
    expect(during).toContain("study.new.db");
    expect(refusal("it holds one already")).toContain("study.db");
  }
  expect(refusal("it holds one already")).toContain("study.db");
});

test("createRun() does not touch a folder whose lock another process has", () => {
  using folder = scratch();
  using lock = new DatabaseSync(join(folder.dir, "lock.db"));
  lock.exec("BEGIN EXCLUSIVE");
  expect(() => createRun(folder.dir, () => {})).toThrow("another process is searching in it");
  expect(readdirSync(folder.dir)).toContain("lock.db");
});

test("searches that start at the same time get folders of their own", async () => {
  using folder = scratch();
  const starts = Array.from(
    { length: 3 },
    () =>
      new Promise<unknown>((resolve, reject) => {
        const env = { ...process.env, TZ: "Asia/Kolkata" };
        const child = fork(new URL("./run-starter.ts", import.meta.url), { cwd: folder.dir, env });
        child.once("message", resolve);
        child.once("error", reject);
      }),
  );
  const dirs = (await Promise.all(starts)).flat();
  expect(new Set(dirs).size).toBe(30);
  // The time in UTC, wherever the machine is.
  const seconds = dirs.map((dir) => /^runs\/(.{10})-(\d\d)(\d\d)(\d\d)Z(?:-\d+)?$/.exec(String(dir)));
  const ages = seconds.map((parts) => Date.now() - Date.parse(`${parts![1]}T${parts!.slice(2).join(":")}Z`));
  expect(ages.every((age) => age >= 0 && age < 3_600_000)).toBe(true);
});

test("a run is looked for as a path and under runs/, and a name that means two runs is refused", () => {
  using folder = scratch();
  const path = (name: string): string => join(folder.dir, name);
  const before = process.cwd();
  for (const name of ["both", "runs/both", "runs/one"]) createRun(path(name), () => {})[Symbol.dispose]();
  process.chdir(folder.dir);
  try {
    for (const [name, dir] of [
      ["one", "runs/one"],
      ["runs/one", "runs/one"],
      ["./both", "./both"],
      ["./runs/both", "./runs/both"],
      [path("both"), path("both")],
    ] as const)
      expect(findRun(name)).toBe(dir);
    expect(() => findRun("both")).toThrow('Cannot tell which run "both" means: there are "./both" and "runs/both"');
  } finally {
    process.chdir(before);
  }
});
