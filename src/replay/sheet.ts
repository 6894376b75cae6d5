import { parse, CsvError } from "csv-parse/sync";
import { readFile } from "../util/files.ts";
import { parseJson } from "../util/json.ts";

/** A table as its file has it: named columns, and a row for each network. */
export interface Sheet {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

export type Row = Readonly<Record<string, unknown>>;

/** Name of the column of keys of a JSON object of rows; no JSON and no header has it. */
export const entryColumn = "\u0000entry";

const delimiters = [",", ";", "\t"];

/** The delimiter that the header has most often, outside of quotes. */
function delimiterOf(text: string): string {
  const header =
    text
      .replaceAll(/"[^"]*"/g, "")
      .split(/\r?\n/)
      .find((line) => line.trim() !== "") ?? "";
  const count = (delimiter: string): number => header.split(delimiter).length;
  return delimiters.reduce((a, b) => (count(b) > count(a) ? b : a));
}

function readCsv(text: string): Sheet {
  const delimiter = delimiterOf(text);
  const [header = [], ...lines] = parse(text, { delimiter, trim: true, skip_empty_lines: true });
  const twice = header.find((name, i) => name !== "" && header.indexOf(name) !== i);
  if (twice !== undefined) throw new SyntaxError(`two columns are called "${twice}"`);
  // Where a semicolon divides cells, the comma is free to divide numbers.
  const cellOf = (cell: string): string =>
    delimiter === ";" && /^-?\d+,\d+$/.test(cell) ? cell.replace(",", ".") : cell;
  return {
    columns: header,
    rows: lines.map((cells) => Object.fromEntries(header.map((name, i) => [name, cellOf(cells[i]!)]))),
  };
}

const isRow = (value: unknown): value is Row => typeof value === "object" && value !== null && !Array.isArray(value);

function readJson(text: string): Sheet {
  const json = parseJson(text);
  const rows: unknown[] = Array.isArray(json)
    ? json
    : Object.entries(json as object).map(([key, row]) => (isRow(row) ? { [entryColumn]: key, ...row } : row));
  const at = rows.findIndex((row) => !isRow(row));
  if (at >= 0) throw new SyntaxError(`entry ${at + 1} is ${JSON.stringify(rows[at])}, must be an object`);
  const known = rows as Row[];
  return { columns: [...new Set(known.flatMap((row) => Object.keys(row)))], rows: known };
}

/**
 * Reads JSON, an object of rows or an array of them, or else CSV with a header. Commas, semicolons or tabs divide cells.
 *
 * @throws SyntaxError naming the line where it is neither.
 */
export function readSheet(file: string): Sheet {
  const text = new TextDecoder().decode(readFile(file));
  if (/^\s*[[{]/.test(text)) return readJson(text);
  try {
    return readCsv(text);
  } catch (error) {
    throw error instanceof CsvError ? new SyntaxError(error.message.toLowerCase(), { cause: error }) : error;
  }
}
