import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { RecordedConfig } from "../src/config/config.ts";
import { openRun } from "../src/study/run.ts";
import { mnas, scratch } from "./mnas.ts";
import { toyConfig } from "./toy.ts";

const config = (settings: string): string =>
  toyConfig(`device: "madds", target: 0.02, batch: 2, proxy: { epochs: 0.2, batch: 32 }, ${settings}`);

test("a run that goes on takes a changed budget from its config file, and refuses other changes by name", async () => {
  using folder = scratch();
  const [project, elsewhere] = ["project", "elsewhere"].map((name) => join(folder.dir, name)) as [string, string];
  for (const dir of [project, elsewhere]) mkdirSync(dir);
  const write = (settings: string): void => writeFileSync(join(project, "mnas.config.ts"), config(settings));
  const kept = (): Pick<RecordedConfig, "trials" | "finalists" | "workers"> => {
    using run = openRun(join(project, "run"));
    const { trials, finalists, workers } = run.store.get("config")!;
    return { trials, finalists, workers };
  };
  const resume = (...options: string[]) => mnas(["search", "--resume", "run", ...options], project);

  write("trials: 9, finalists: 0");
  expect(await mnas(["search", "--trials", "2", "--out", "run"], project)).toMatchObject({ code: 0 });
  for (const [settings, options, says] of [
    ["trials: 9, finalists: 0, gate: 3", [], "gate: 1.5 → 3"],
    ["trials: 9, finalists: 0, seed: 4", ["--trials", "4"], "seed: 0 → 4"],
    ["trials: 9, finalists: 0", ["--trials", "1"], "trials: 2, of which 2 were begun → 1"],
    ["trials: 9, finalists: 0", ["--out", "other"], 'Cannot continue run "run" in "other"'],
  ] as const) {
    write(settings);
    expect(await resume(...options)).toMatchObject({ code: 2, stderr: expect.stringContaining(says) });
  }
  expect(kept()).toEqual({ trials: 2, finalists: 0, workers: null });

  // A flag said how many trials, and the file has not changed in that.
  write("trials: 9, finalists: 0, workers: 1");
  expect(await resume()).toMatchObject({ code: 0, stderr: expect.stringContaining("changed  workers: null → 1\n") });
  expect(kept()).toEqual({ trials: 2, finalists: 0, workers: 1 });

  // The run knows its file from everywhere; another one of that name is not read, and that is said.
  write("trials: 4, finalists: 0, workers: 1");
  writeFileSync(join(elsewhere, "mnas.config.ts"), config("gate: 3"));
  const away = await mnas(["search", "--resume", "../project/run"], elsewhere);
  expect(away).toMatchObject({ code: 0, stderr: expect.stringContaining("changed  trials: 2 → 4\n") });
  expect(away.stderr).toContain("mnas.config.ts is not read, since the run was begun with ");
  const named = await mnas(["search", "--resume", "../project/run", "--config", "mnas.config.ts"], elsewhere);
  expect(named).toMatchObject({ code: 2, stderr: expect.stringContaining("gate: 1.5 → 3") });
});
