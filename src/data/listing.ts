import { readdirSync, statSync } from "node:fs";
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
  ELOOP: "its links go in a circle",
};

/** Throws `DATA_NOT_FOUND` for what is not there, `DATA_INVALID` for a file. */
export function listFolder(dir: string): Listing {
  let names: string[];
  try {
    names = readdirSync(dir);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code === "ENOTDIR") {
      throw invalid(`Cannot use data "${dir}": it is a file`, "Name the folder that holds the data, unpacked.", error);
    }
    throw new MnasError("DATA_NOT_FOUND", `Cannot read data "${dir}": ${reasons[code] ?? code}`, {
      hint: "Name a folder of IDX files, CIFAR-10 batches or images, or fashion-mnist for the embedded sample.",
      cause: error,
    });
  }
  const visible = names.filter((name) => !name.startsWith(".") && !litter.has(name)).toSorted();
  const isFolder = new Map(visible.map((name) => [name, isFolderAt(join(dir, name))]));
  return {
    dir,
    files: visible.filter((name) => isFolder.get(name) === false),
    folders: visible.filter((name) => isFolder.get(name) === true),
  };
}

function isFolderAt(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) throw invalid(`Cannot read "${path}": it links to nothing`, "Remove the link or mend it.");
  return found.isDirectory();
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
