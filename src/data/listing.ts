import { closeSync, opendirSync, openSync, readdirSync, readSync, statSync, type Dirent } from "node:fs";
import { basename, join } from "node:path";
import { MnasError } from "../errors.ts";
import { readFile } from "../util/files.ts";
import { openable, textOfName } from "../util/names.ts";
import { isImageName, looksLikeImage, magicLength } from "./formats.ts";
import { invalid } from "./images.ts";

/** A folder's files and folders, sorted by name, without hidden ones and litter. */
export interface Listing {
  readonly dir: string;
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

/** Names that systems and tools leave behind: hidden ones, thumbnails, snapshots, bins and caches. */
const litter =
  /^(\..*|(eh)?thumbs(_vista)?\.db|desktop\.ini|__macosx|icon\r|@eadir|@recycle|@tmp|#recycle|#snapshot|\$recycle\.bin|recycler|system volume information|lost\+found|network trash folder|temporary items|__pycache__)$/is;

const isLitter = (name: string): boolean => name.endsWith("~") || litter.test(name);

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  ELOOP: "its links go in a circle",
};

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

type Entry = Pick<Dirent, "name" | "isDirectory" | "isSymbolicLink">;

/** Names that are not UTF-8 keep their bytes. */
function entriesOf(dir: string): Entry[] {
  const entries = readdirSync(openable(dir), { withFileTypes: true });
  if (!entries.some(({ name }) => name.includes("\ufffd"))) return entries;
  return readdirSync(openable(dir), { withFileTypes: true, encoding: "buffer" }).map((entry) => ({
    name: textOfName(entry.name),
    isDirectory: () => entry.isDirectory(),
    isSymbolicLink: () => entry.isSymbolicLink(),
  }));
}

/** Many names at a time, which is faster, but not all, which takes memory. */
function areComposed(names: readonly string[]): boolean {
  for (let from = 0; from < names.length; from += 1024) {
    const text = names.slice(from, from + 1024).join("/");
    if (text !== text.normalize()) return false;
  }
  return true;
}

/** Composed and decomposed letters have one place. */
function sorted(names: readonly string[]): string[] {
  if (areComposed(names)) return names.toSorted();
  const keyed = names.map((name) => [name.normalize(), name] as const);
  return keyed.toSorted(([a], [b]) => (a < b ? -1 : Number(a > b))).map(([, name]) => name);
}

/** Throws `DATA_NOT_FOUND` for what is not there or cannot be read, `DATA_INVALID` for a file. */
export function listFolder(dir: string): Listing {
  let entries: Entry[];
  try {
    entries = entriesOf(dir);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOTDIR") {
      throw invalid(`Cannot use data "${dir}": it is a file`, "Name the folder that holds the data, unpacked.", error);
    }
    throw unreadable(dir, code, error);
  }
  const files: string[] = [];
  const folders: string[] = [];
  for (const entry of entries) {
    const { name } = entry;
    if (isLitter(name)) continue;
    const isFolder = entry.isSymbolicLink() ? isFolderBehind(join(dir, name)) : entry.isDirectory();
    if (isFolder !== null) (isFolder ? folders : files).push(name);
  }
  return { dir, files: sorted(files), folders: sorted(folders) };
}

const unreadable = (path: string, code: string, cause: unknown): MnasError =>
  new MnasError("DATA_NOT_FOUND", `Cannot read data "${path}": ${reasons[code] ?? code}`, {
    hint: "Name a folder of IDX files, CIFAR batches or images, or fashion-mnist for the embedded sample.",
    cause,
  });

/** Whether a link leads to a folder; null for one that leads nowhere, unless an image should be there. */
function isFolderBehind(link: string): boolean | null {
  try {
    const found = statSync(openable(link), { throwIfNoEntry: false });
    if (found !== undefined) return found.isDirectory();
  } catch (error) {
    const leadsNowhere = codeOf(error) === "ELOOP" && !isImageName(link);
    if (!leadsNowhere) throw unreadable(link, codeOf(error), error);
  }
  if (isImageName(link))
    throw invalid(`Cannot read "${link}": it links to nothing`, "Mend the link or the file behind it.");
  return null;
}

/** Whether a file is an image, by its name or else by how it begins. */
export function isImageFile(path: string): boolean {
  if (isImageName(path)) return true;
  try {
    const file = openSync(openable(path), "r");
    try {
      const head = Buffer.alloc(magicLength);
      return looksLikeImage(head.subarray(0, readSync(file, head, 0, magicLength, 0)));
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}

/** Entries that a look into a folder takes in, and files among them that are opened. */
const [lookedAt, opened] = [64, 8];

interface Glance {
  readonly hasImages: boolean;
  readonly hasFolders: boolean;
}

/** Looks for images and folders among the first entries of a folder, however many it has. Throws as `listFolder`. */
export function peek(dir: string): Glance {
  try {
    return glance(dir);
  } catch (error) {
    if (error instanceof MnasError) throw error;
    throw unreadable(dir, codeOf(error), error);
  }
}

function glance(dir: string): Glance {
  let hasFolders = false;
  const unnamed: string[] = [];
  const folder = opendirSync(openable(dir));
  try {
    for (let n = 0; n < lookedAt; n++) {
      const entry = folder.readSync();
      if (entry === null) break;
      if (isLitter(entry.name)) continue;
      const path = join(dir, entry.name);
      if (entry.isSymbolicLink() ? isFolderBehind(path) === true : entry.isDirectory()) hasFolders = true;
      else if (isImageName(entry.name)) return { hasImages: true, hasFolders };
      else unnamed.push(path);
    }
  } finally {
    folder.closeSync();
  }
  return { hasImages: unnamed.slice(0, opened).some(isImageFile), hasFolders };
}

/** Class names, one a line; null when there is no such file. */
export function readClassNames({ dir, files }: Listing, name: string): string[] | null {
  if (!files.includes(name)) return null;
  const path = join(dir, name);
  const lines = readFile(path)
    .toString("utf8")
    .split("\n")
    .map((line) => line.trim());
  const classes = lines.filter((line) => line !== "");
  const twice = classes.find((line, i) => classes.indexOf(line) !== i);
  if (twice !== undefined) {
    throw invalid(
      `Cannot use classes "${path}": "${twice}" is there twice`,
      `Give each class of ${basename(dir)} a name of its own.`,
    );
  }
  return classes;
}
