import { dataReaders } from "./data.ts";
import { fileReaders } from "./files.ts";
import type { Reader } from "./reader.ts";
import { textReaders } from "./texts.ts";

/** Everything of mnas that reads what it did not just write itself. */
export const readers: readonly Reader[] = [...dataReaders, ...fileReaders, ...textReaders];

/** How many of `total` inputs a reader gets, by its share; together they are at least as many. */
export function countOf({ share = 1 }: Reader, total: number): number {
  const shares = readers.reduce((sum, reader) => sum + (reader.share ?? 1), 0);
  return Math.ceil((total * share) / shares);
}
