import { join } from "node:path";
import { bytesOfName, textOfName } from "../util/names.ts";

/**
 * The image files of one part, kept small: 8 bytes and the name for each. Plain data, which threads can send each other;
 * its memory is then shared.
 */
export interface FileIndex {
  /** Index of the class of each file. */
  readonly labels: Int32Array;
  /** Folder of each class. */
  readonly dirs: readonly string[];
  /** All names, one after the other, as the bytes that they are on the disk. */
  readonly names: Uint8Array;
  /** Where each name begins; then where the last one ends. */
  readonly starts: Uint32Array;
  /** Bits by which values of 16 bits move up when these files are decoded; 0 if it is not there. */
  readonly shift?: number;
  /** Share of damaged files up to which the others are used. */
  readonly mostDamaged?: number;
}

/** The files of one class. */
export interface ClassFiles {
  readonly dir: string;
  /** Below `dir`; may lead through folders. */
  readonly names: readonly string[];
}

/** Takes the classes in their order, one at a time, so that the names of one only are there as strings. */
export function indexFiles(classes: Iterable<ClassFiles>): FileIndex {
  const dirs: string[] = [];
  const pieces: { readonly text: Buffer; readonly lengths: Uint32Array }[] = [];
  for (const { dir, names } of classes) {
    dirs.push(dir);
    const text = names.join("");
    const isText = text.isWellFormed();
    const lengthOf = (name: string): number => (isText ? Buffer.byteLength(name) : bytesOfName(name).length);
    pieces.push({ text: bytesOfName(text), lengths: Uint32Array.from(names, lengthOf) });
  }
  const count = pieces.reduce((sum, { lengths }) => sum + lengths.length, 0);
  const bytes = pieces.reduce((sum, { text }) => sum + text.length, 0);
  const names = new Uint8Array(new SharedArrayBuffer(bytes));
  const starts = new Uint32Array(new SharedArrayBuffer(4 * (count + 1)));
  const labels = new Int32Array(new SharedArrayBuffer(4 * count));
  let at = 0;
  pieces.forEach(({ text, lengths }, label) => {
    names.set(text, starts[at]);
    labels.fill(label, at, at + lengths.length);
    for (const length of lengths) starts[at + 1] = starts[at++]! + length;
  });
  return { dirs, names, starts, labels };
}

/** The index of some of the files, by their numbers. */
export function pickFiles(index: FileIndex, picked: Uint32Array): FileIndex {
  const { names, starts, labels, dirs } = index;
  const lengths = picked.reduce((sum, i) => sum + starts[i + 1]! - starts[i]!, 0);
  const to = {
    names: new Uint8Array(new SharedArrayBuffer(lengths)),
    starts: new Uint32Array(new SharedArrayBuffer(4 * (picked.length + 1))),
    labels: new Int32Array(new SharedArrayBuffer(4 * picked.length)),
  };
  picked.forEach((i, at) => {
    to.names.set(names.subarray(starts[i], starts[i + 1]), to.starts[at]);
    to.starts[at + 1] = to.starts[at]! + starts[i + 1]! - starts[i]!;
    to.labels[at] = labels[i]!;
  });
  return { ...index, dirs, ...to };
}

/** Name of file `i`, without its folder. */
export function nameOf({ names, starts }: FileIndex, i: number): string {
  const from = starts[i]!;
  const bytes = Buffer.from(names.buffer, names.byteOffset + from, starts[i + 1]! - from);
  const text = bytes.toString();
  return text.includes("\ufffd") ? textOfName(bytes) : text;
}

/** Where file `i` lies. */
export const pathOf = (index: FileIndex, i: number): string => join(index.dirs[index.labels[i]!]!, nameOf(index, i));

export const pathsOf = (index: FileIndex): string[] =>
  Array.from({ length: index.labels.length }, (_, i) => pathOf(index, i));
