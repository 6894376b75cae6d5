import { parentPort, workerData } from "node:worker_threads";
import { readTable } from "../../src/replay/table.ts";
import { rows, type Order } from "./rows.ts";
import { scores, type Score } from "./score.ts";

export interface Task extends Order {
  readonly file: string;
  readonly row: string;
}

export interface Done {
  /** Of each seed, at each mark. */
  readonly runs: readonly (readonly Score[])[];
  readonly seconds: number;
}

const task = workerData as Task;
const table = readTable(task.file);
const row = rows.find(({ name }) => name === task.row)!;
const begun = performance.now();
const played = row.play(table, task);
const seconds = (performance.now() - begun) / 1000;
const done: Done = { runs: played.map((run) => scores(table, task, row, run)), seconds };
parentPort!.postMessage(done);
