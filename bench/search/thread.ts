import { parentPort, workerData } from "node:worker_threads";
import { readTable } from "../../src/replay/table.ts";
import { rows, type Order } from "./rows.ts";
import { scores, type Score } from "./score.ts";

export interface Task extends Order {
  readonly file: string;
  readonly row: string;
}

/** Scores of each seed at each mark. */
export type Runs = readonly (readonly Score[])[];

const task = workerData as Task;
const table = readTable(task.file);
const row = rows.find(({ name }) => name === task.row)!;
const runs: Runs = row.play(table, task).map((run) => scores(table, task, row, run));
parentPort!.postMessage(runs);
