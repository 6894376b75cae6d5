import { crc32 } from "node:zlib";

/** A file of an archive; its name is ASCII. */
export interface ZipEntry {
  readonly name: string;
  readonly data: Uint8Array;
}

/** Earliest date of the format, 1 January 1980, so that the same files give the same bytes. */
const date = 0x21;
/** Version 2.0 of the format reads it. */
const version = 20;

/** The fields that the local header and the central directory share. */
function commonOf({ name, data }: ZipEntry): Buffer {
  const common = Buffer.alloc(26);
  common.writeUInt16LE(version, 0);
  common.writeUInt16LE(date, 8);
  common.writeUInt32LE(crc32(data), 10);
  common.writeUInt32LE(data.length, 14);
  common.writeUInt32LE(data.length, 18);
  common.writeUInt16LE(name.length, 22);
  return common;
}

const numbers = (...values: readonly [size: 2 | 4, value: number][]): Buffer =>
  Buffer.concat(
    values.map(([size, value]) => {
      const bytes = Buffer.alloc(size);
      bytes.writeUIntLE(value, 0, size);
      return bytes;
    }),
  );

/**
 * A ZIP archive, uncompressed, to stand behind `offset` other bytes of the same file. Places count from the begin of that
 * file, since not every reader finds them otherwise.
 */
export function zip(entries: readonly ZipEntry[], offset: number): Uint8Array {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = offset;
  for (const entry of entries) {
    const [name, common] = [Buffer.from(entry.name, "ascii"), commonOf(entry)];
    const file = Buffer.concat([numbers([4, 0x04034b50]), common, name, entry.data]);
    // Made by, then what is common, then no comment, disk 0, no attributes.
    directory.push(numbers([4, 0x02014b50], [2, version]), common, Buffer.alloc(10), numbers([4, at]), name);
    files.push(file);
    at += file.length;
  }
  const listing = Buffer.concat(directory);
  const { length } = entries;
  const end = numbers([4, 0x06054b50], [4, 0], [2, length], [2, length], [4, listing.length], [4, at], [2, 0]);
  return Buffer.concat([...files, listing, end]);
}
