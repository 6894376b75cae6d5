import { extname } from "node:path";
import { MnasError } from "../errors.ts";
import { oneOf } from "../space/choice.ts";
import { defineSpace, type Genotype, type SearchSpace } from "../space/space.ts";
import { readFile } from "../util/files.ts";

/** A network of a table: what trainings of it gave, one for each seed, and what it costs. */
export interface TableEntry {
  readonly key: string;
  /** Shares of images, 0..1. */
  readonly accuracies: readonly number[];
  /** Milliseconds, or another cost in the table's own unit. */
  readonly cost: number;
  /** Positive numbers known before training. */
  readonly costs: readonly number[];
}

/** Known results of every network of a space. */
export interface ResultTable {
  readonly space: SearchSpace;
  readonly entries: ReadonlyMap<string, TableEntry>;
  /** What `cost` is, for people. */
  readonly costName: string;
  /** Null for a network that the table lacks. */
  readonly entryOf: (genotype: Genotype) => TableEntry | null;
}

type Row = Readonly<Record<string, unknown>>;

const accuracyNames = ["accuracy", "accuracies", "test_acc", "mean_acc"];
const costNames = ["latencyMs", "cost", "flops", "madds", "params"];

/** Splits a key into what may differ: the digits of `02012100`, or the words and numbers of a notation. */
const tokensOf = (key: string): string[] => (/^\w+$/.test(key) ? key.split("") : key.split(/(?<=[\s_x])|(?=[\s_x])/));

function parse(file: string): [key: string, row: Row][] {
  const text = new TextDecoder().decode(readFile(file));
  if (extname(file).toLowerCase() === ".csv") {
    const [head = "", ...lines] = text.trim().split(/\r?\n/);
    const names = head.split(",").map((name) => name.trim());
    return lines.map((line) => {
      const cells = line.split(",").map((cell) => cell.trim());
      const row = Object.fromEntries(names.map((name, i) => [name, cells[i]]));
      return [cells[0] ?? "", row];
    });
  }
  const json: unknown = JSON.parse(text);
  if (Array.isArray(json)) return json.map((row: Row) => [String(row["notation"] ?? row["key"]), row]);
  return Object.entries(json as Record<string, Row>);
}

const numbersOf = (value: unknown): number[] =>
  (Array.isArray(value) ? value : [value]).map((one) => (one === "" || one === null ? Number.NaN : Number(one)));

/**
 * Reads a table of results: JSON of key → `{ accuracy | test_acc, latencyMs | cost | flops, … }`, JSON rows with a
 * `notation`, or CSV with a header whose first column is the notation. Accuracies may be percentages and several, one for
 * each seed.
 *
 * @throws MnasError `DATA_INVALID` naming the entry that is wrong.
 */
export function readTable(file: string): ResultTable {
  const refuse = (why: string, cause?: unknown): never => {
    throw new MnasError("DATA_INVALID", `Cannot replay "${file}": ${why}`, {
      hint: 'Give JSON like {"0121": {"accuracy": [92.1, 92.3], "latencyMs": 12.5}}, or CSV with columns notation, accuracy, latencyMs.',
      cause,
    });
  };
  let rows: [string, Row][];
  try {
    rows = parse(file);
  } catch (error) {
    if (error instanceof MnasError) throw error;
    return refuse("it is neither JSON nor CSV", error);
  }
  const [first] = rows;
  if (first === undefined || typeof first[1] !== "object" || first[1] === null) return refuse("it has no entries");
  const accuracyName = accuracyNames.find((name) => name in first[1]);
  const costName = costNames.find((name) => name in first[1]);
  if (accuracyName === undefined) return refuse(`entry "${first[0]}" has no ${accuracyNames.slice(0, 3).join(", ")}`);
  if (costName === undefined) return refuse(`entry "${first[0]}" has no ${costNames.join(", ")}`);

  const isPercent = rows.some(([, row]) => numbersOf(row?.[accuracyName]).some((value) => value > 1));
  const entries = new Map<string, TableEntry>();
  const split = rows.map(([key]) => tokensOf(key));
  const length = split[0]!.length;
  rows.forEach(([key, row], i) => {
    const accuracies = numbersOf(row?.[accuracyName]).map((value) => (isPercent ? value / 100 : value));
    const [cost = Number.NaN] = numbersOf(row?.[costName]);
    if (accuracies.length === 0 || !accuracies.every((value) => value >= 0 && value <= 1))
      refuse(`accuracy of "${key}" is ${JSON.stringify(row?.[accuracyName])}`);
    if (!(cost > 0 && Number.isFinite(cost))) refuse(`${costName} of "${key}" is ${JSON.stringify(row?.[costName])}`);
    if (split[i]!.length !== length) refuse(`"${key}" has ${split[i]!.length} parts, "${first[0]}" has ${length}`);
    if (entries.has(key)) refuse(`"${key}" is there twice`);
    const costs = costNames.flatMap((name) => numbersOf(row?.[name]).filter((value) => value > 0));
    entries.set(key, { key, accuracies, cost, costs });
  });

  // Parts that differ somewhere are the decisions.
  const choices = Array.from({ length }, (_, i) => [...new Set(split.map((tokens) => tokens[i]!))].sort());
  const decided = choices.flatMap((some, i) => (some.length > 1 ? [i] : []));
  const space = defineSpace(
    file,
    decided.map((i) => oneOf("part", choices[i]!)),
  );
  const entryOf = (genotype: Genotype): TableEntry | null => {
    const tokens = choices.map(([only]) => only!);
    decided.forEach((part, d) => {
      tokens[part] = choices[part]![genotype[d]!]!;
    });
    return entries.get(tokens.join("")) ?? null;
  };
  return { space, entries, costName, entryOf };
}
