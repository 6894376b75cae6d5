import { readdirSync, statSync, type Dirent } from "node:fs";
import { basename, join } from "node:path";
import { MnasError } from "../errors.ts";
import { readFile } from "../util/files.ts";
import { invalid } from "./images.ts";

/** What a folder holds, sorted by name, without hidden files. */
export interface Listing {
  readonly dir: string;
  readonly files: readonly string[];
  readonly folders: readonly string[];
}

/** Files that operating systems leave behind. */
const litter = new Set(["Thumbs.db", "desktop.ini", "__MACOSX"]);

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "no such folder",
  EACCES: "permission denied",
  EPERM: "permission denied",
  ELOOP: "its links go in a circle",
};

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

/** Whether a name is that of an image in a format that is read. */
export const isImage = (name: string): boolean => /\.(jpe?g|png|webp)$/i.test(name);

/** Throws `DATA_NOT_FOUND` for what is not there or cannot be read, `DATA_INVALID` for a file. */
export function listFolder(dir: string): Listing {
  let entries: Dirent[];
  try {
    entries = readdirSync(dir, { withFileTypes: true });
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
    if (name.startsWith(".") || litter.has(name)) continue;
    const isFolder = entry.isSymbolicLink() ? isFolderBehind(join(dir, name)) : entry.isDirectory();
    if (isFolder !== null) (isFolder ? folders : files).push(name);
  }
  return { dir, files: files.toSorted(), folders: folders.toSorted() };
}

const unreadable = (path: string, code: string, cause: unknown): MnasError =>
  new MnasError("DATA_NOT_FOUND", `Cannot read data "${path}": ${reasons[code] ?? code}`, {
    hint: "Name a folder of IDX files, CIFAR-10 batches or images, or fashion-mnist for the embedded sample.",
    cause,
  });

/** Whether a link leads to a folder; null for one that leads nowhere, unless an image should be there. */
function isFolderBehind(link: string): boolean | null {
  try {
    const found = statSync(link, { throwIfNoEntry: false });
    if (found !== undefined) return found.isDirectory();
  } catch (error) {
    const leadsNowhere = codeOf(error) === "ELOOP" && !isImage(link);
    if (!leadsNowhere) throw unreadable(link, codeOf(error), error);
  }
  if (isImage(link)) throw invalid(`Cannot read "${link}": it links to nothing`, "Remove the link or mend it.");
  return null;
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
