/*
 * Searchers, ours and others, in a table of known results: `npm run bench:search -- nas-bench-macro.json`.
 *
 *   --seeds 50                 searches of each, which differ in their seeds
 *   --rows "bayesian,ppo"      some of rows.ts; all by default
 *   --goals accuracy,front     one of them, or both
 *   --json                     prints JSON; the tables go to standard error
 *
 * The file is that of NAS-Bench-Macro (https://github.com/xiusu/NAS-Bench-Macro). A search trains a network once: it sees
 * one of the accuracies of the table, drawn at random. What it hands back is scored by the mean of all.
 */
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { version } from "../../src/version.ts";
import { findPython, type Python } from "../python.ts";
import { rows, type Row } from "./rows.ts";
import { marks, type Score } from "./score.ts";
import { estimate, share, tableText } from "./text.ts";
import type { Runs, Task } from "./thread.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "50" },
    rows: { type: "string" },
    goals: { type: "string", default: "accuracy,front" },
    json: { type: "boolean" },
  },
});
const [file] = positionals;
if (file === undefined) throw new Error("Cannot search: give the JSON file of NAS-Bench-Macro");
const say = (text: string): void => (values.json === true ? console.error(text) : console.log(text));

const names = values.rows?.split(",").map((name) => name.trim()) ?? rows.map(({ name }) => name);
const chosen = names.map((name) => {
  const row = rows.find((one) => one.name === name);
  if (row === undefined) throw new Error(`Cannot find row "${name}": use ${rows.map((r) => r.name).join(",")}`);
  return row;
});
const python = chosen.some(({ needsPython }) => needsPython) ? pythonOrNull() : null;

function pythonOrNull(): Python | null {
  try {
    return findPython("optuna");
  } catch (error) {
    console.error(String(error));
    return null;
  }
}

const run = (task: Task): Promise<Runs> =>
  new Promise((resolve, reject) => {
    const worker = new Worker(new URL("thread.ts", import.meta.url), { workerData: task });
    worker.once("message", resolve);
    worker.once("error", reject);
  });

/** The scores of all seeds, five at a time in as many threads as there are cores. */
async function runAll(row: Row, goal: Task["goal"], seeds: number): Promise<Runs> {
  const tasks = Array.from({ length: Math.ceil(seeds / 5) }, (_, i): Task => {
    const some = Array.from({ length: Math.min(5, seeds - 5 * i) }, (_unused, j) => 5 * i + j);
    const samples = marks[goal].at(-1)!;
    return { file: file!, row: row.name, goal, samples, seeds: some, python: python?.program ?? null };
  });
  const done: Runs[] = [];
  const left = tasks.entries();
  const serve = async (): Promise<void> => {
    for (const [i, task] of left) done[i] = await run(task);
  };
  await Promise.all(Array.from({ length: availableParallelism() }, serve));
  return done.flat();
}

const columns: Readonly<Record<Task["goal"], readonly (readonly [measure: keyof Score, title: string])[]>> = {
  accuracy: [
    ["plain", "highest result"],
    ["smoothed", "expected best"],
    ["distinct", "distinct"],
  ],
  front: [
    ["hypervolume", "hypervolume"],
    ["distinct", "distinct"],
  ],
};

const seeds = Number(values.seeds);
const cpu = cpus()[0]!.model.trim();
const versions = { mnas: version, node: process.version, optuna: python?.version ?? null };
say(`${cpu}, Node ${versions.node}, Optuna ${versions.optuna ?? "none"}; ${seeds} seeds; means ± standard errors, %`);
const results: object[] = [];
for (const goal of (["accuracy", "front"] as const).filter((one) => values.goals.split(",").includes(one))) {
  const cells: string[][] = [];
  for (const row of chosen.filter(({ goals }) => goals.includes(goal))) {
    if (row.needsPython && python === null) {
      console.error(`${row.name} is left out: no Python has Optuna`);
      continue;
    }
    const runs = await runAll(row, goal, seeds);
    const at = marks[goal].map((samples, i) => {
      const of = columns[goal].map(([measure]) => [measure, estimate(runs.map((scores) => scores[i]![measure]))]);
      return { samples, ...(Object.fromEntries(of) as Record<keyof Score, ReturnType<typeof estimate>>) };
    });
    results.push({ goal, row: row.name, at });
    const shown = columns[goal].flatMap(([measure]) =>
      measure === "distinct" ? [share(at.at(-1)!.distinct, 0)] : at.map((one) => share(one[measure], 3)),
    );
    cells.push([row.name, ...shown]);
    console.error(`${goal}: ${cells.at(-1)!.join("  ")}`);
  }
  const last = marks[goal].at(-1)!;
  const heads = columns[goal].flatMap(([measure, title]) =>
    measure === "distinct" ? [`${title}, ${last}`] : marks[goal].map((mark) => `${title}, ${mark}`),
  );
  say(`\n${tableText([goal, ...heads], cells)}`);
}
if (values.json === true) console.log(JSON.stringify({ cpu, versions, seeds, results }, null, 2));
