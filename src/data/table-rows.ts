import { extname } from "node:path";
import { parse } from "csv-parse/sync";
import { readFile } from "../util/files.ts";
import { parseJson } from "../util/json.ts";
import { isImageName } from "./formats.ts";
import { invalid } from "./images.ts";

/** The cells of a table of files and labels; the first row names the columns. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Whether a file may be a table of files and labels. */
export const isTableName = (name: string): boolean => /\.(csv|tsv|jsonl|ndjson|json)$/i.test(name);

const hint =
  "Give it a column of file names and one of labels, each with its name in the first line, or name the folder of the images.";

/** The character that parts the cells, by the first line. */
function delimiterOf(text: string): string {
  const [line = ""] = text.split(/\r?\n/, 1);
  const counts = [",", ";", "\t", "|"].map((mark) => [mark, line.split(mark).length] as const);
  return counts.reduce((best, each) => (each[1] > best[1] ? each : best))[0];
}

function parseCsv(path: string, text: string): Table {
  let rows: string[][];
  try {
    rows = parse(text, {
      delimiter: delimiterOf(text),
      bom: true,
      trim: true,
      skip_empty_lines: true,
      relax_quotes: true,
    });
  } catch (error) {
    throw invalid(`Cannot read "${path}": ${(error as Error).message}`, hint, error);
  }
  const [head = [], ...rest] = rows;
  // A table without names of columns begins with a file.
  return head.some(isImageName)
    ? { columns: ["file", "label"].slice(0, head.length), rows }
    : { columns: head, rows: rest };
}

const cellOf = (value: unknown): string => {
  if (value === null || value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value);
};

function tableOf(path: string, records: readonly unknown[]): Table {
  const columns = new Set<string>();
  for (const record of records) {
    if (typeof record !== "object" || record === null)
      throw invalid(`Cannot read "${path}": it is no list of objects`, hint);
    for (const name of Object.keys(record)) columns.add(name);
  }
  const names = [...columns];
  return {
    columns: names,
    rows: records.map((record) => names.map((name) => cellOf((record as Record<string, unknown>)[name]))),
  };
}

function parseRecords(path: string, text: string, isLines: boolean): Table | null {
  let json: unknown;
  try {
    json = isLines
      ? text
          .split("\n")
          .filter((line) => line.trim() !== "")
          .map(parseJson)
      : parseJson(text);
  } catch (error) {
    throw invalid(`Cannot read "${path}": it is not JSON (${(error as Error).message})`, hint, error);
  }
  if (Array.isArray(json)) return tableOf(path, json);
  if (typeof json !== "object" || json === null) return null;
  const entries = Object.entries(json);
  // Label of each file, as {"a.jpg": "cat"}.
  const isLabel = ([file, value]: readonly [string, unknown]): boolean =>
    isImageName(file) && (typeof value === "string" || typeof value === "number");
  if (!entries.every(isLabel)) return null;
  return { columns: ["file", "label"], rows: entries.map(([file, label]) => [file, String(label)]) };
}

/** Reads a table; null for JSON of another kind. Throws `DATA_INVALID` for a damaged one. */
export function readTable(path: string): Table | null {
  const text = readFile(path)
    .toString("utf8")
    .replace(/^\ufeff/, "");
  const kind = extname(path).toLowerCase();
  if (kind === ".csv" || kind === ".tsv") return parseCsv(path, text);
  return parseRecords(path, text, kind !== ".json");
}

const fileNames =
  "file filename file_name filepath file_path path image image_name image_file image_path image_id img img_name img_path img_id id_code id name uuid".split(
    " ",
  );
const labelNames =
  "label labels class class_name classname label_name category category_name target breed species diagnosis dx y class_id classid label_id category_id".split(
    " ",
  );
const splitNames = "split subset set part partition phase".split(" ");

/** Places of the columns that matter. */
export interface Columns {
  readonly file: number;
  readonly label: number;
  /** Names the part of each file; -1 if there is none. */
  readonly split: number;
}

/** Finds the columns of files and labels by their names; null when one is missing. */
export function columnsOf({ columns }: Table): Columns | null {
  const plain = columns.map((name) =>
    name
      .trim()
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "_"),
  );
  const find = (names: readonly string[]): number => plain.indexOf(names.find((name) => plain.includes(name)) ?? "\0");
  const file = find(fileNames);
  const label = find(labelNames);
  if (file < 0) return null;
  if (label >= 0 && label !== file) return { file, label, split: find(splitNames) };
  return columns.length === 2 ? { file, label: 1 - file, split: -1 } : null;
}
