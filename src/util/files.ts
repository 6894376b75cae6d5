import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { MnasError } from "../errors.ts";
import { openable } from "./names.ts";

/** What the operating system's codes mean. */
const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EEXIST: "there is a file or a broken link of that name",
  EISDIR: "it is a folder",
  ELOOP: "its links go in a circle",
  ENAMETOOLONG: "its name is too long",
  ENOENT: "no such file",
  ENOTDIR: "a part of its path is a file",
  EPERM: "permission denied",
  EROFS: "it is on a disk that can only be read",
};

interface Attempt<T> {
  /** What is done, for example `read "a.txt"`. */
  readonly what: string;
  readonly hint?: string;
  /** What it means here that something does not exist. */
  readonly missing?: string;
  readonly work: () => T;
}

/** Works with files; what the operating system refuses becomes `DISK_FULL` or `FILE_NOT_FOUND` with a reason. */
function attempt<T>({ what, hint, missing, work }: Attempt<T>): T {
  try {
    return work();
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code !== "string" || error instanceof MnasError) throw error;
    if (code === "ENOSPC" || code === "EDQUOT") {
      throw new MnasError("DISK_FULL", `Cannot ${what}: no space left on the disk`, {
        hint: "Free some disk space and try again.",
        cause: error,
      });
    }
    const reason = code === "ENOENT" && missing !== undefined ? missing : (reasons[code] ?? code);
    throw new MnasError("FILE_NOT_FOUND", `Cannot ${what}: ${reason}`, {
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    });
  }
}

/** What a file holds; pieces lie one after the other. */
type Content = string | Uint8Array | readonly Uint8Array[];

/**
 * Writes a file that is whole or not there, also after a power cut. Throws `DISK_FULL`, `FILE_NOT_FOUND`.
 *
 * @param options.mode who may read it, as a number of Unix; by default what the user's mask says.
 */
export function writeFileAtomically(file: string, content: Content, options: { readonly mode?: number } = {}): void {
  writeBeside(file, content, (temporary) => renameSync(temporary, file), options);
  syncFolder(dirname(file));
}

/** Brings the names in a folder to the disk, where the system can do that; Windows cannot. */
function syncFolder(dir: string): void {
  try {
    const folder = openSync(dir, "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch {
    // The file is there; only a power cut just now could take it away.
  }
}

/** Checks that a file could be written, without touching it. Throws as writing it would. */
export function checkWritable(file: string): void {
  if (existsSync(file) && statSync(file).isDirectory())
    throw new MnasError("FILE_NOT_FOUND", `Cannot write "${file}": it is a folder`, { hint: "Name a file in it." });
  writeBeside(file, "", rmSync);
}

function writeBeside(
  file: string,
  content: Content,
  then: (temporary: string) => void,
  options: { readonly mode?: number } = {},
): void {
  const temporary = `${file}.${process.pid}.tmp`;
  attempt({
    what: `write "${file}"`,
    hint: "Make the folder first, or choose another place.",
    missing: existsSync(dirname(file)) ? "none can be made there" : "no such folder",
    work: () => {
      try {
        writePieces(temporary, content, options.mode);
        then(temporary);
      } catch (error) {
        rmSync(temporary, { force: true });
        throw error;
      }
    },
  });
}

function writePieces(file: string, content: Content, mode: number | undefined): void {
  const opened = openSync(file, "w", mode);
  try {
    for (const piece of Array.isArray(content) ? content : [content]) writeFileSync(opened, piece);
    fsyncSync(opened);
  } finally {
    closeSync(opened);
  }
}

/**
 * Makes a folder and those above it; returns those that it made, innermost first. Throws `DISK_FULL`, `FILE_NOT_FOUND`,
 * and then leaves none. One by one: where the system makes none, as in /proc, Node's recursive `mkdir` never returns.
 */
export function makeFolder(dir: string, hint = "Choose another place."): readonly string[] {
  const missing: string[] = [];
  for (let at = resolve(dir); !existsSync(at); at = dirname(at)) missing.unshift(at);
  const made: string[] = [];
  const work = (): void => {
    try {
      for (const each of missing) {
        try {
          mkdirSync(each);
          made.unshift(each);
        } catch (error) {
          // Another process may have made it meanwhile.
          if (!existsSync(each) || !statSync(each).isDirectory()) throw error;
        }
      }
    } catch (error) {
      removeFolders(made);
      throw error;
    }
  };
  attempt({ what: `make folder "${dir}"`, hint, missing: "none can be made there", work });
  return made;
}

/** Makes a folder of this process alone for short-lived files. Throws `DISK_FULL`, `FILE_NOT_FOUND`. */
export const makeTemporaryFolder = (prefix: string): string =>
  attempt({
    what: `make a folder in "${tmpdir()}"`,
    hint: "Set TMPDIR to a folder that can be written.",
    missing: "no such folder",
    work: () => mkdtempSync(join(tmpdir(), prefix)),
  });

/** Removes folders, innermost first, up to the first that is not empty. */
export function removeFolders(dirs: readonly string[]): void {
  try {
    for (const each of dirs) rmdirSync(each);
  } catch {
    // What another process has put there is its own.
  }
}

/** The names in a folder. Throws `FILE_NOT_FOUND` saying why it cannot be read. */
export const listNames = (dir: string): string[] =>
  attempt({ what: `read folder "${dir}"`, missing: "no such folder", work: () => readdirSync(dir) });

/** Whether this user may write to a file or into a folder that exists. */
export function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** The bytes of a file. Throws `FILE_NOT_FOUND` saying why it cannot be read. */
export const readFile = (file: string): Buffer =>
  attempt({ what: `read "${file}"`, work: () => readFileSync(openable(file)) });

/** How many bytes a file has. Throws `FILE_NOT_FOUND`. */
export const sizeOf = (file: string): number => attempt({ what: `read "${file}"`, work: () => statSync(file).size });

/** Part of a file, shorter where the file ends before. Throws `FILE_NOT_FOUND`. */
export const readPart = (file: string, offset: number, length: number): Uint8Array =>
  attempt({
    what: `read "${file}"`,
    work: () => {
      const opened = openSync(file, "r");
      try {
        const bytes = new Uint8Array(Math.max(0, Math.min(length, fstatSync(opened).size - offset)));
        let [at, read] = [0, 1];
        for (; read > 0; at += read)
          read = readSync(opened, bytes, at, Math.min(bytes.length - at, 2 ** 30), offset + at);
        return bytes.subarray(0, at);
      } finally {
        closeSync(opened);
      }
    },
  });

/** The same as `readFile` in shared memory, of which threads need no copy. */
export const readFileShared = (file: string): Buffer<SharedArrayBuffer> =>
  attempt({
    what: `read "${file}"`,
    work: () => {
      const opened = openSync(file, "r");
      try {
        const bytes = Buffer.from(new SharedArrayBuffer(fstatSync(opened).size));
        let [at, read] = [0, 1];
        for (; read > 0; at += read) read = readSync(opened, bytes, at, Math.min(bytes.length - at, 2 ** 30), null);
        return bytes.subarray(0, at);
      } finally {
        closeSync(opened);
      }
    },
  });
