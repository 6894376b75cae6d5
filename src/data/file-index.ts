import { join } from "node:path";

/**
 * The image files of one part, kept small: 8 bytes and the name for each. Plain data, which threads can send each other;
 * its memory is then shared.
 */
export interface FileIndex {
  /** Index of the class of each file. */
  readonly labels: Int32Array;
  /** Folder of each class. */
  readonly dirs: readonly string[];
  /** All names, one after the other, in UTF-8. */
  readonly names: Uint8Array;
  /** Where each name begins; then where the last one ends. */
  readonly starts: Uint32Array;
}

/** The files of one class. */
export interface ClassFiles {
  readonly dir: string;
  readonly names: readonly string[];
}

/** Takes the classes in their order, one at a time, so that the names of one only are there as strings. */
export function indexFiles(classes: Iterable<ClassFiles>): FileIndex {
  const dirs: string[] = [];
  const pieces: { readonly text: Buffer; readonly lengths: Uint32Array }[] = [];
  for (const { dir, names } of classes) {
    dirs.push(dir);
    pieces.push({
      text: Buffer.from(names.join("")),
      lengths: Uint32Array.from(names, (name) => Buffer.byteLength(name)),
    });
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

/** Name of file `i`, without its folder. */
export function nameOf({ names, starts }: FileIndex, i: number): string {
  const from = starts[i]!;
  return Buffer.from(names.buffer, names.byteOffset + from, starts[i + 1]! - from).toString();
}

/** Where file `i` lies. */
export const pathOf = (index: FileIndex, i: number): string => join(index.dirs[index.labels[i]!]!, nameOf(index, i));

export const pathsOf = (index: FileIndex): string[] =>
  Array.from({ length: index.labels.length }, (_, i) => pathOf(index, i));
