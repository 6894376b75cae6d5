import { statSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { openable } from "../util/names.ts";
import { isTooDamaged } from "./damage.ts";
import { indexFiles, type FileIndex } from "./file-index.ts";
import { caseConflicts, firstFive, refuse, type FoundFiles } from "./found.ts";
import { invalid, partNames, type PartName } from "./images.ts";
import { isImageFile, listFolder, readClassNames, type Listing } from "./listing.ts";
import { partsOf } from "./part-names.ts";
import { columnsOf, isTableName, readTable, type Columns, type Table } from "./table-rows.ts";

/** A table that says the class of files. */
interface LabelTable {
  readonly name: string;
  readonly table: Table;
  readonly columns: Columns;
}

/** Examples of answers to a contest have columns of labels, but no true ones. */
const isExample = (name: string): boolean => /submission|submit/i.test(name);

/** Bytes of a table that are read at most; larger files are something else. */
const largest = 2 ** 28;

const known = new WeakMap<Listing, readonly LabelTable[]>();

/** The tables of files and labels that lie in a folder. Throws `DATA_INVALID` for a damaged one. */
export function labelTables(listing: Listing): readonly LabelTable[] {
  let found = known.get(listing);
  if (found !== undefined) return found;
  const { dir, files } = listing;
  found = files.flatMap((name): LabelTable[] => {
    const path = join(dir, name);
    if (!isTableName(name) || isExample(name) || statSync(openable(path)).size > largest) return [];
    const table = readTable(path);
    const columns = table === null ? null : columnsOf(table);
    return table === null || columns === null || table.rows.length === 0 ? [] : [{ name, table, columns }];
  });
  known.set(listing, found);
  return found;
}

/** How deep below a folder with a table images are looked for. */
const deepest = 4;

function imagesBelow(dir: string, below = "", depth = 0): string[] {
  const { files, folders } = listFolder(join(dir, below));
  const here = files
    .filter((file) => isImageFile(join(dir, below, file)))
    .map((file) => (below === "" ? file : `${below}/${file}`));
  if (depth === deepest) return here;
  return [
    ...here,
    ...folders.flatMap((folder) => imagesBelow(dir, below === "" ? folder : `${below}/${folder}`, depth + 1)),
  ];
}

const withoutEnding = (path: string): string => path.slice(0, path.length - extname(path).length);

/** Finds image files by their names in tables: paths or names, with an ending or without. */
function createFinder(images: readonly string[]) {
  const byPath = new Map<string, string[]>();
  const byName = new Map<string, string[]>();
  const add = (map: Map<string, string[]>, key: string, path: string): void => {
    const same = map.get(key);
    if (same === undefined) map.set(key, [path]);
    else same.push(path);
  };
  for (const path of images) {
    const composed = path.normalize();
    for (const key of new Set([composed, withoutEnding(composed)])) {
      add(byPath, key, path);
      add(byName, basename(key), path);
    }
  }
  const partOf = (path: string): PartName | null =>
    partsOf(path.split("/").slice(0, -1)).find((part) => part !== null) ?? null;
  return (value: string, { part, isNamed }: RowPart): readonly string[] => {
    const parts = value
      .normalize()
      .replaceAll("\\", "/")
      .split("/")
      .filter((each) => each !== "" && each !== ".");
    for (let i = 0; i < parts.length - 1; i++) {
      const found = byPath.get(parts.slice(i).join("/"));
      if (found !== undefined) return found;
    }
    // Images of another part may have the numbers of these.
    const isTested = (path: string): boolean => isNamed && part === "train" && partOf(path) === "test";
    const found = (byName.get(parts.at(-1) ?? "") ?? []).filter((path) => !isTested(path));
    const own = found.length > 1 ? found.filter((path) => partOf(path) === part) : found;
    return own.length > 0 ? own : found;
  };
}

/** Whole numbers by their size, other labels as text. */
function sortLabels(labels: Iterable<string>): string[] {
  const all = [...labels];
  return all.every((label) => /^\d+$/.test(label)) ? all.toSorted((a, b) => Number(a) - Number(b)) : all.toSorted();
}

/** The part of a row, and whether the name of its table says it. */
interface RowPart {
  readonly part: PartName;
  readonly isNamed: boolean;
}

/** The part of each row: by a column of it, else by the name of the table. Throws when the column says it of some. */
function partOfRows(path: string, { name, table, columns }: LabelTable, warnings: string[]) {
  const [own = null] = partsOf([withoutEnding(name)]);
  const fixed: RowPart = { part: own ?? "train", isNamed: own !== null };
  if (columns.split < 0) return () => fixed;
  const valueOf = (row: readonly string[]): string => row[columns.split] ?? "";
  const values = [...new Set(table.rows.map(valueOf))];
  const parts = partsOf(values);
  const strange = values.filter((_, i) => parts[i] === null);
  const column = `column "${table.columns[columns.split]}"`;
  if (strange.length === values.length) {
    warnings.push(`${column} of "${path}" names no parts and is not used: ${firstFive(strange)}`);
    return () => fixed;
  }
  if (strange.length > 0)
    throw invalid(
      `Cannot use "${path}": its ${column} says ${firstFive(strange)}, which is no part`,
      "Let it say train, val or test in each row.",
    );
  const byValue = new Map(values.map((value, i) => [value, { part: parts[i]!, isNamed: false }]));
  return (row: readonly string[]): RowPart => byValue.get(valueOf(row))!;
}

/** Labels of files by part, as they are gathered from tables. */
interface Gathered {
  readonly labels: Map<PartName, Map<string, string>>;
  /** Name of the table of each part. */
  readonly tables: Map<PartName, string>;
  readonly warnings: string[];
}

/** Adds the labels of one table. Gives the files that it names in vain. */
function gather(dir: string, each: LabelTable, find: ReturnType<typeof createFinder>, to: Gathered): string[] {
  const path = join(dir, each.name);
  const refuseRow = (why: string, hint: string): never => {
    throw invalid(`Cannot use "${path}": ${why}`, hint);
  };
  const { table, columns } = each;
  const partOf = partOfRows(path, each, to.warnings);
  const missing: string[] = [];
  for (const row of table.rows) {
    const [value = "", label = ""] = [row[columns.file], row[columns.label]];
    const rowPart = partOf(row);
    const { part } = rowPart;
    const other = to.tables.get(part) ?? each.name;
    if (other !== each.name)
      refuse(
        dir,
        `both "${other}" and "${each.name}" say the classes of the ${part} part`,
        "Leave the one that is right in the folder, and move the other elsewhere.",
      );
    to.tables.set(part, each.name);
    const labels = to.labels.get(part) ?? new Map<string, string>();
    to.labels.set(part, labels);
    const [file, ...more] = value === "" ? [] : find(value, rowPart);
    if (more.length > 0)
      refuseRow(
        `"${value}" may be ${firstFive([file!, ...more])}`,
        "Give the path of each file from the folder of the table.",
      );
    if (file === undefined || label === "") {
      missing.push(value);
      continue;
    }
    const before = labels.get(file) ?? label;
    if (before !== label)
      refuseRow(
        `"${value}" has two labels, "${before}" and "${label}"`,
        "Give each file one label; mnas does not learn several.",
      );
    labels.set(file, label);
  }
  return missing;
}

/** Refuses an image that is in two parts: a network that saw it would be tested on it. */
function checkApart(dir: string, labels: Gathered["labels"]): void {
  const partOf = new Map<string, PartName>();
  for (const [part, some] of labels) {
    for (const file of some.keys()) {
      const other = partOf.get(file);
      if (other !== undefined)
        refuse(dir, `"${file}" is in the ${other} part and in the ${part} part`, "Let each image be in one part only.");
      partOf.set(file, part);
    }
  }
}

/** A sentence on rows without an image; null when there are none. Throws when they are too many. */
function checkMissing(path: string, missing: readonly string[], of: number, mostDamaged: number): string | null {
  if (missing.length === 0) return null;
  const said = `${missing.length} of ${of} rows have no image or no label`;
  if (isTooDamaged(missing.length, of, mostDamaged))
    throw invalid(
      `Cannot use "${path}": ${said}: ${firstFive(missing)}`,
      "Put the images below the folder of the table, named as in its column of files.",
    );
  return `${said} in "${path}" and are left out: ${firstFive(missing)}`;
}

const namesFile = "classes.txt";

/** Names of labels that are numbers, as `classes.txt` has them, line by line from 0; from 1 where that fits alone. */
function namesOf(listing: Listing, labels: readonly string[], warnings: string[]): readonly string[] {
  const names = readClassNames(listing, namesFile);
  if (names === null || !labels.every((label) => /^\d+$/.test(label))) return labels;
  const numbers = labels.map(Number);
  const largest = Math.max(...numbers);
  const first = largest === names.length && !numbers.includes(0) ? 1 : 0;
  if (largest - first >= names.length) {
    warnings.push(`${namesFile} has ${names.length} names and is not used: there is a label ${largest}`);
    return labels;
  }
  const unused = names.filter((_, i) => !numbers.includes(i + first));
  if (unused.length > 0) warnings.push(`no image is of ${firstFive(unused)}, which ${namesFile} names`);
  return numbers.map((number) => names[number - first]!);
}

/**
 * Images and a table that says their classes, as `train.csv` with columns `id` and `label`.
 *
 * @throws MnasError `DATA_INVALID` naming the table, row or file that is wrong.
 */
export function findByTable(listing: Listing, mostDamaged: number): FoundFiles {
  const { dir } = listing;
  const images = imagesBelow(dir);
  const find = createFinder(images);
  const gathered: Gathered = { labels: new Map(), tables: new Map(), warnings: [] };
  const { labels, warnings } = gathered;
  for (const each of labelTables(listing)) {
    const missing = gather(dir, each, find, gathered);
    const said = checkMissing(join(dir, each.name), missing, each.table.rows.length, mostDamaged);
    if (said !== null) warnings.push(said);
  }
  checkApart(dir, labels);
  if (!labels.has("train")) refuse(dir, "no table says the classes of images to train on");
  const used = new Set([...labels.values()].flatMap((some) => [...some.keys()]));
  if (used.size < images.length)
    warnings.push(`${images.length - used.size} images below "${dir}" are in no table and are not used`);
  const values = sortLabels(new Set([...labels.values()].flatMap((some) => [...some.values()])));
  const files: Partial<Record<PartName, FileIndex>> = {};
  for (const part of partNames) {
    const some = labels.get(part);
    if (some === undefined) continue;
    const byLabel = Map.groupBy(some.keys(), (file) => some.get(file)!);
    files[part] = indexFiles(values.values().map((value) => ({ dir, names: (byLabel.get(value) ?? []).toSorted() })));
  }
  const classes = namesOf(listing, values, warnings);
  return { classes, files, warnings: [...warnings, ...caseConflicts(classes)] };
}
