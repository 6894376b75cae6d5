import { statSync } from "node:fs";
import { basename, extname, join } from "node:path";
import { openable } from "../util/names.ts";
import { isTooDamaged } from "./damage.ts";
import { indexFiles, type FileIndex } from "./file-index.ts";
import { firstFive, refuse, type FoundFiles } from "./found.ts";
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

/** Examples of what a contest takes have columns of labels, but no true ones. */
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

/** Finds image files by what tables call them: paths or names, with an ending or without. */
function createFinder(images: readonly string[]) {
  const byPath = new Map<string, string>();
  const byName = new Map<string, string[]>();
  for (const path of images) {
    const composed = path.normalize();
    for (const key of new Set([composed, withoutEnding(composed)])) {
      byPath.set(key, path);
      const name = basename(key);
      const same = byName.get(name);
      if (same === undefined) byName.set(name, [path]);
      else same.push(path);
    }
  }
  const partOf = (path: string): PartName | null =>
    partsOf(path.split("/").slice(0, -1)).find((part) => part !== null) ?? null;
  return (value: string, part: PartName): readonly string[] => {
    const parts = value
      .normalize()
      .replaceAll("\\", "/")
      .split("/")
      .filter((each) => each !== "" && each !== ".");
    for (let i = 0; i < parts.length - 1; i++) {
      const found = byPath.get(parts.slice(i).join("/"));
      if (found !== undefined) return [found];
    }
    const found = byName.get(parts.at(-1) ?? "") ?? [];
    const own = found.length > 1 ? found.filter((path) => partOf(path) === part) : found;
    return own.length > 0 ? own : found;
  };
}

/** Whole numbers by their size, other labels as text. */
function sortLabels(labels: Iterable<string>): string[] {
  const all = [...labels];
  return all.every((label) => /^\d+$/.test(label)) ? all.toSorted((a, b) => Number(a) - Number(b)) : all.toSorted();
}

/** The part of each row: by a column of it, else by the name of the table. */
function partOfRows({ name, table, columns }: LabelTable): (row: readonly string[]) => PartName {
  const [own = null] = partsOf([withoutEnding(name)]);
  const values = columns.split < 0 ? [] : [...new Set(table.rows.map((row) => row[columns.split] ?? ""))];
  const parts = partsOf(values);
  if (values.length > 0 && parts.every((part) => part !== null)) {
    const byValue = new Map(values.map((value, i) => [value, parts[i]!]));
    return (row) => byValue.get(row[columns.split] ?? "") ?? "train";
  }
  return () => own ?? "train";
}

/** Labels of files by part, as they are gathered from tables. */
interface Gathered {
  readonly labels: Map<PartName, Map<string, string>>;
  /** Name of the table of each part. */
  readonly tables: Map<PartName, string>;
}

/** Adds the labels of one table. Gives the files that it names in vain. */
function gather(dir: string, each: LabelTable, find: ReturnType<typeof createFinder>, to: Gathered): string[] {
  const path = join(dir, each.name);
  const refuseRow = (why: string, hint: string): never => {
    throw invalid(`Cannot use "${path}": ${why}`, hint);
  };
  const { table, columns } = each;
  const partOf = partOfRows(each);
  const missing: string[] = [];
  for (const row of table.rows) {
    const [value = "", label = ""] = [row[columns.file], row[columns.label]];
    const part = partOf(row);
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
    const [file, ...more] = value === "" ? [] : find(value, part);
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

/** Names of labels that are numbers, as `classes.txt` has them, line by line from 0. */
function namesOf(listing: Listing, labels: readonly string[]): readonly string[] {
  const names = readClassNames(listing, "classes.txt");
  if (names === null || !labels.every((label) => /^\d+$/.test(label) && Number(label) < names.length)) return labels;
  return labels.map((label) => names[Number(label)]!);
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
  const gathered: Gathered = { labels: new Map(), tables: new Map() };
  const warnings = labelTables(listing).flatMap((each) => {
    const missing = gather(dir, each, find, gathered);
    return checkMissing(join(dir, each.name), missing, each.table.rows.length, mostDamaged) ?? [];
  });
  const { labels } = gathered;
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
  return { classes: namesOf(listing, values), files, warnings };
}
