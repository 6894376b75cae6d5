import type { FileIndex } from "./file-index.ts";
import { invalid, type PartName } from "./images.ts";

/** Image files with their classes, in the parts that there are. */
export interface FoundFiles {
  readonly classes: readonly string[];
  readonly files: Readonly<Partial<Record<PartName, FileIndex>>>;
  /** Sentences on what is unusual, and what was made of it. */
  readonly warnings: readonly string[];
}

/** How a folder of images must look. */
export const layout =
  "Images must lie in DIR/class/ or in DIR/train/class/, with DIR/val/class/ and DIR/test/class/ if you like, or a table such as DIR/train.csv must say the class of each file.";

export const refuse = (dir: string, why: string, hint = layout): never => {
  throw invalid(`Cannot use data "${dir}": ${why}`, hint);
};

/** The first five of some names, in quotation marks, and how many more there are. */
export const firstFive = (names: readonly string[]): string =>
  [...names.slice(0, 5).map((name) => `"${name}"`), ...(names.length > 5 ? [`${names.length - 5} more`] : [])].join(
    ", ",
  );

/** Sentences on classes whose names differ only in upper and lower case: they may be one. */
export const caseConflicts = (classes: readonly string[]): string[] =>
  [...Map.groupBy(classes, (name) => name.toLowerCase()).values()]
    .filter((same) => same.length > 1)
    .map((same) => `classes ${firstFive(same)} differ only in upper and lower case`);
