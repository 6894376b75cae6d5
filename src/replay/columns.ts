import { splitKeys } from "./parts.ts";
import { entryColumn, type Row, type Sheet } from "./sheet.ts";

/** Names of columns, the most telling first, with letters and digits alone. */
const names = {
  key: "notation key network arch archstr architecture genotype encoding config model name",
  accuracy: "accuracy accuracies testacc testaccuracy meanacc valacc valaccuracy validationaccuracy acc top1 top1acc",
  cost: "latencyms latency cost flops madds macs params",
} as const;

const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");

/** The columns that have one of some names, in the order of these. */
const columnsOf = (columns: readonly string[], some: string): string[] =>
  some.split(" ").flatMap((name) => columns.filter((column) => plain(column) === name));

/** Whether a column is of latencies, which are not known before a network is tried. */
export const isMeasured = (column: string): boolean => plain(column).startsWith("latency");

/** The columns of a sheet by their meaning; undefined where there is none. */
export interface Columns {
  readonly key: string | undefined;
  readonly accuracy: string | undefined;
  /** All that tell a cost; the first is the one that is sought. */
  readonly costs: readonly string[];
}

/** Whether values count rows, as the index that pandas writes. */
const countsRows = (values: readonly string[]): boolean =>
  [0, 1].some((from) => values.every((value, i) => value === String(i + from))) && values.length > 2;

const isNumber = (value: string): boolean => value !== "" && Number.isFinite(Number(value));

/** Whether values may tell networks apart: each another, made of as many parts, and no quantity. */
function tellsNetworks(values: readonly string[]): boolean {
  if (countsRows(values) || new Set(values).size !== values.length || values.includes("")) return false;
  const isCode = values.every((value) => /^\d+$/.test(value) && value.length === values[0]!.length);
  return (isCode || !values.every(isNumber)) && splitKeys(values) !== null;
}

/** The text of a cell, with which networks are told apart. */
export const textOf = (row: Row, column: string): string => {
  const value = row[column] ?? "";
  return typeof value === "string" ? value : JSON.stringify(value);
};

/**
 * Finds the columns by their names. Without one that names networks, it is the first other one that can tell them apart.
 */
export function findColumns({ columns, rows }: Sheet): Columns {
  const accuracies = columnsOf(columns, names.accuracy);
  const costs = columnsOf(columns, names.cost);
  const named = [...columns.filter((column) => column === entryColumn), ...columnsOf(columns, names.key)];
  const others = columns.filter((column) => ![...named, ...accuracies, ...costs].includes(column));
  const valuesOf = (column: string): string[] => rows.map((row) => textOf(row, column));
  const key =
    named.find((column) => !countsRows(valuesOf(column))) ?? others.find((column) => tellsNetworks(valuesOf(column)));
  return { key, accuracy: accuracies[0], costs };
}
