import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { MnasError } from "../errors.ts";

const codeOf = (error: unknown): string => (error as { code?: string }).code ?? "";

/** Writes a file that other processes see whole or not at all. Throws `DISK_FULL`. */
export function writeFileAtomically(file: string, content: string | Uint8Array): void {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, content);
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    if (codeOf(error) === "ENOSPC" || codeOf(error) === "EDQUOT") {
      throw new MnasError("DISK_FULL", `Cannot write "${file}": no space left on the disk`, {
        hint: "Free some disk space and try again.",
        cause: error,
      });
    }
    if (
      codeOf(error) === "ENOENT" ||
      codeOf(error) === "EACCES" ||
      codeOf(error) === "ENOTDIR" ||
      codeOf(error) === "EROFS"
    ) {
      throw new MnasError(
        "FILE_NOT_FOUND",
        `Cannot write "${file}": ${codeOf(error) === "EACCES" ? "permission denied" : "no such folder"}`,
        {
          hint: "Make the folder first, or choose another place.",
          cause: error,
        },
      );
    }
    throw error;
  }
}

/** The bytes of a file. Throws `FILE_NOT_FOUND` saying why it cannot be read. */
export function readFile(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const reasons: Record<string, string> = {
      ENOENT: "no such file",
      EISDIR: "it is a folder",
      EACCES: "permission denied",
    };
    throw new MnasError("FILE_NOT_FOUND", `Cannot read "${file}": ${reasons[codeOf(error)] ?? codeOf(error)}`, {
      cause: error,
    });
  }
}
