import { MnasError } from "../errors.ts";
import { sizeOf, type Genotype, type SearchSpace } from "../space/space.ts";
import { mean } from "../util/welch.ts";
import { findColumns, isMeasured, textOf } from "./columns.ts";
import { spaceOf } from "./nearest.ts";
import { splitKeys } from "./parts.ts";
import { entryColumn, readSheet, type Row, type Sheet } from "./sheet.ts";

/** A network of a table: what trainings of it gave, one for each seed, and what it costs. */
export interface TableEntry {
  readonly key: string;
  /** Shares of images, 0..1. */
  readonly accuracies: readonly number[];
  /** Milliseconds, or another cost in the table's own unit. */
  readonly cost: number;
  /** Positive numbers known before training, as many of each network. */
  readonly costs: readonly number[];
}

/** Known results of networks of a space. */
export interface ResultTable {
  readonly space: SearchSpace;
  readonly entries: ReadonlyMap<string, TableEntry>;
  /** What `cost` is, for people. */
  readonly costName: string;
  /** Null for a network that the table lacks, where nothing stands for it. */
  readonly entryOf: (genotype: Genotype) => TableEntry | null;
  /** For people: the columns that were taken, and what is missing. */
  readonly notes: readonly string[];
}

type Refuse = (why: string, cause?: unknown) => never;

/** A cell without a value, as tools write it. */
const isMissing = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === "string" && /^(|-|–|na|n\/a|nan|none|null)$/i.test(value));

/** The numbers of a cell: one, or those of a list. None where it is missing, NaN where it is something else. */
function numbersOf(value: unknown): number[] {
  if (isMissing(value)) return [];
  if (Array.isArray(value)) return value.flatMap(numbersOf);
  if (typeof value === "number") return [value];
  if (typeof value !== "string") return [Number.NaN];
  const list = /^\[(.*)\]$/s.exec(value)?.[1];
  return list === undefined
    ? [Number(value)]
    : list.split(/[\s,]+/).flatMap((part) => (isMissing(part) ? [] : [Number(part)]));
}

/** The number of a cell, or the mean of those of a list; undefined where it is missing. */
function numberOf(value: unknown): number | undefined {
  const numbers = numbersOf(value);
  return numbers.length === 0 ? undefined : mean(numbers);
}

function sheetOf(file: string, refuse: Refuse): Sheet {
  try {
    const sheet = readSheet(file);
    return sheet.rows.length === 0 ? refuse("it has no entries") : sheet;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return refuse(`it is neither JSON nor CSV: ${error.message}`, error);
  }
}

/** The columns of a sheet, all of which it must have. */
function columnsOf(sheet: Sheet, refuse: Refuse) {
  const { key, accuracy, costs } = findColumns(sheet);
  const [cost] = costs;
  const names = sheet.columns.filter((name) => name !== entryColumn).map((name) => JSON.stringify(name));
  const missing = (what: string): never => refuse(`no column ${what}; it has ${names.join(", ")}`);
  if (accuracy === undefined) return missing("is an accuracy, such as accuracy, test_acc or top1");
  if (cost === undefined) return missing("is a cost, such as latencyMs, flops or params");
  if (key === undefined) return missing("names networks, such as notation or arch");
  return { key, accuracy, cost, costs };
}

type Columns = ReturnType<typeof columnsOf>;

/**
 * The rows with an accuracy and a cost, by their keys; and how many have an accuracy up to 1 where others are percentages.
 */
function entriesOf(rows: readonly Row[], { key: keyColumn, accuracy, cost: costName, costs }: Columns, refuse: Refuse) {
  const isPercent = rows.some((row) => numbersOf(row[accuracy]).some((value) => value > 1));
  let small = 0;
  const known = new Map<string, { readonly row: Row; readonly accuracies: number[]; readonly cost: number }>();
  const seen = new Set<string>();
  for (const row of rows) {
    const key = textOf(row, keyColumn);
    if (key === "") refuse(`an entry has no ${keyColumn}`);
    if (seen.has(key)) refuse(`"${key}" is there twice`);
    seen.add(key);
    const accuracies = numbersOf(row[accuracy]).map((value) => (isPercent ? value / 100 : value));
    const cost = numberOf(row[costName]);
    if (isPercent && accuracies.some((value) => value > 0 && value <= 0.01)) small++;
    const wrong = (column: string): never => refuse(`${column} of "${key}" is ${JSON.stringify(row[column])}`);
    if (!accuracies.every((value) => value >= 0 && value <= 1)) wrong(accuracy);
    if (cost !== undefined && !(cost > 0 && Number.isFinite(cost))) wrong(costName);
    if (accuracies.length > 0 && cost !== undefined) known.set(key, { row, accuracies, cost });
  }
  // Latency is what a search measures; a column with gaps cannot be compared.
  const cheap = costs.filter(
    (column) => !isMeasured(column) && [...known.values()].every(({ row }) => (numberOf(row[column]) ?? 0) > 0),
  );
  const entries = new Map(
    Array.from(known, ([key, { row, accuracies, cost }]): [string, TableEntry] => [
      key,
      { key, accuracies, cost, costs: cheap.map((column) => numberOf(row[column])!) },
    ]),
  );
  return { entries, small };
}

/**
 * Reads a table of results: JSON of key → `{ accuracy, latencyMs | cost | flops, … }`, JSON rows, or CSV with a header;
 * a column such as `notation` or `arch` names the networks. Accuracies may be percentages, and several, one for each seed.
 * Rows without an accuracy or a cost are left out. For a network that the table lacks the nearest one stands.
 *
 * @throws MnasError `DATA_INVALID` naming the column or entry that is wrong.
 */
export function readTable(file: string): ResultTable {
  const refuse: Refuse = (why, cause) => {
    throw new MnasError("DATA_INVALID", `Cannot replay "${file}": ${why}`, {
      hint: 'Give JSON like {"0121": {"accuracy": [92.1, 92.3], "latencyMs": 12.5}}, or CSV with columns notation, accuracy, latencyMs.',
      cause,
    });
  };
  const sheet = sheetOf(file, refuse);
  const columns = columnsOf(sheet, refuse);
  const { entries, small } = entriesOf(sheet.rows, columns, refuse);
  if (entries.size === 0) refuse(`no entry has both ${columns.accuracy} and ${columns.cost}`);
  const keys = [...entries.keys()];
  const parts = splitKeys(keys) ?? refuse(`its networks are not made of as many parts, such as "${keys[0]}"`);
  const { space, entryOf } = spaceOf(file, parts, [...entries.values()]);
  const left = sheet.rows.length - entries.size;
  const size = sizeOf(space);
  const by = columns.key === entryColumn ? "" : `networks named by ${columns.key}, `;
  const notes = [
    `${by}${columns.accuracy} as accuracy, ${columns.cost} as cost`,
    small > 0
      ? `${small} of ${sheet.rows.length} entries have an accuracy of 1 % or less: all are read as percentages`
      : "",
    left > 0
      ? `${left} of ${sheet.rows.length} entries are left out: they lack ${columns.accuracy} or ${columns.cost}`
      : "",
    size > BigInt(entries.size)
      ? `${entries.size} of ${size} networks of the space are known; for another one the nearest of them stands`
      : "",
  ];
  return { space, entries, costName: columns.cost, entryOf, notes: notes.filter((note) => note !== "") };
}
