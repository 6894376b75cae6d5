import { closeSync, fstatSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import { MnasError } from "../errors.ts";
import { unshareArrays } from "../util/share.ts";
import type { Dataset } from "./dataset.ts";
import { partNames } from "./images.ts";
import { isInMemory, type ImageSource } from "./source.ts";

/*
 * Processes cannot share memory in Node, but they can share an open file. The system keeps its used pages in memory
 * once, and gives them up when memory is short. It has pixels, then the rest of the data set, serialized. The last 64
 * bits, little endian, are the place where the rest begins.
 */

/** A data set of which nothing decoded is in memory. Who is started with its file has it too, by `readFiled`. */
export interface FiledDataset extends Dataset {
  readonly fd: number;
}

const isFiled = (dataset: Dataset): dataset is FiledDataset => "fd" in dataset;

const mostAtOnce = 2 ** 26;

function append(fd: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at, Math.min(mostAtOnce, bytes.length - at));
}

/** Opens a file that has lost its name, so that nothing is left of it when the last process that has it ends. */
function openNameless(dir: string): number {
  const file = join(dir, `mnas-${process.pid}-${process.hrtime.bigint()}.tmp`);
  const fd = openSync(file, "wx+", 0o600);
  try {
    rmSync(file);
  } catch {
    // Some systems remove no open file.
    process.once("exit", () => rmSync(file, { force: true }));
  }
  return fd;
}

function write(fd: number, dataset: Dataset): FiledDataset {
  const starts = new Map<Uint8Array, number>();
  let end = 0;
  const filed = (source: ImageSource): ImageSource => {
    if (!isInMemory(source)) return source;
    const { all, ...rest } = source;
    const start = starts.get(all) ?? end;
    if (!starts.has(all)) {
      append(fd, all);
      end += all.length;
    }
    starts.set(all, start);
    return { ...rest, fd, start };
  };
  const parts = Object.fromEntries(partNames.map((part) => [part, filed(dataset[part])]));
  const result = { ...dataset, ...parts, fd };
  const place = Buffer.alloc(8);
  place.writeBigUInt64LE(BigInt(end));
  append(fd, serialize(unshareArrays(result)));
  append(fd, place);
  return result;
}

/**
 * Writes the decoded images of a data set to a file without a name. It lies in the folder for temporary files, or in the
 * current one.
 * Throws `DISK_FULL` when there is no room in either.
 */
export function fileDataset(dataset: Dataset, dirs: readonly string[] = [tmpdir(), "."]): FiledDataset {
  if (isFiled(dataset)) return dataset;
  let cause: unknown;
  for (const dir of dirs) {
    let fd: number | null = null;
    try {
      fd = openNameless(dir);
      return write(fd, dataset);
    } catch (error) {
      if (fd !== null) closeSync(fd);
      if (typeof (error as { code?: unknown }).code !== "string") throw error;
      cause = error;
    }
  }
  const says = cause instanceof Error ? cause.message : String(cause);
  throw new MnasError("DISK_FULL", `Cannot keep the decoded images for training: ${says}`, {
    hint: "Set TMPDIR to a folder on a disk with room for them.",
    cause,
  });
}

/** The data set in a file that another process wrote with `fileDataset`. */
export function readFiled(fd: number): FiledDataset {
  const { size } = fstatSync(fd);
  const read = (from: number, to: number): Buffer => {
    const bytes = Buffer.alloc(to - from);
    for (let at = 0; at < bytes.length;) {
      const count = readSync(fd, bytes, at, Math.min(mostAtOnce, bytes.length - at), from + at);
      if (count === 0) throw new Error("internal: the file of a data set is cut off");
      at += count;
    }
    return bytes;
  };
  const end = Number(read(size - 8, size).readBigUInt64LE());
  const dataset = deserialize(read(end, size - 8)) as FiledDataset;
  const here = <T extends ImageSource>(source: T): T => ("fd" in source ? { ...source, fd } : source);
  const { train, validation, test } = dataset;
  return { ...dataset, train: here(train), validation: here(validation), test: here(test), fd };
}
