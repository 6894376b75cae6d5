import { createHash } from "node:crypto";
import { partNames, sizeOf, type DecodingNotes, type Images, type RawData } from "./images.ts";

/*
 * A pack is a whole data set in one file: the magic line, the length of the header (32 bits, little endian), its SHA-256,
 * the header as JSON, then for each part its pixels and its labels (32 bits, little endian).
 */

const magic = Buffer.from("mnas-pack-1\n");

interface Header {
  /** The content key; damage behind the header shows as a difference. */
  readonly key: string;
  /** What the pack was made from, in the maker's words. */
  readonly stamp: string;
  readonly classes: readonly string[];
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Images of each part, null for a part that is not there. */
  readonly counts: readonly (number | null)[];
  /** How the images were decoded, where that is unusual. */
  readonly notes?: DecodingNotes;
}

/** A data set read from a pack. */
export interface Pack {
  readonly data: RawData;
  readonly key: string;
  readonly stamp: string;
}

const sha256 = (bytes: Uint8Array): Buffer => createHash("sha256").update(bytes).digest();

const labelBytes = (labels: Int32Array): Buffer => {
  const bytes = Buffer.alloc(labels.length * 4);
  labels.forEach((label, i) => bytes.writeInt32LE(label, i * 4));
  return bytes;
};

const presentParts = (data: RawData): Images[] => partNames.flatMap((part) => data[part] ?? []);

const body = (data: RawData): Uint8Array[] =>
  presentParts(data).flatMap(({ pixels, labels }) => [pixels, labelBytes(labels)]);

/** Names the content of a data set: its classes, parts, pixels and labels, wherever they came from. */
export function contentKey(data: RawData): string {
  const { height, width, channels } = data.train;
  const hash = createHash("sha256");
  hash.update(
    JSON.stringify([data.classes, height, width, channels, partNames.map((part) => data[part]?.count ?? null)]),
  );
  for (const bytes of body(data)) hash.update(bytes);
  return hash.digest("hex");
}

/** A data set as a pack, in pieces to be written one after the other. */
export function encodePack(data: RawData, stamp: string): Uint8Array[] {
  const { height, width, channels } = data.train;
  const counts = partNames.map((part) => data[part]?.count ?? null);
  const { classes, notes } = data;
  const isUsual = notes === undefined || (notes.shift === 0 && notes.leftOut.length === 0);
  const header: Header = {
    key: contentKey(data),
    stamp,
    classes,
    height,
    width,
    channels,
    counts,
    ...(isUsual ? {} : { notes }),
  };
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(text.length);
  return [magic, length, sha256(text), text, ...body(data)];
}

const fixedLength = magic.length + 4 + 32;

function parseHeader(bytes: Buffer): { header: Header; end: number } | null {
  if (bytes.length < fixedLength || !bytes.subarray(0, magic.length).equals(magic)) return null;
  const end = fixedLength + bytes.readUInt32LE(magic.length);
  const text = bytes.subarray(fixedLength, end);
  if (!sha256(text).equals(bytes.subarray(magic.length + 4, fixedLength))) return null;
  return { header: JSON.parse(text.toString("utf8")) as Header, end };
}

/** Reads a pack; null when it is damaged in any way. The pixels are views of `bytes`. */
export function decodePack(bytes: Buffer): Pack | null {
  const parsed = parseHeader(bytes);
  if (parsed === null) return null;
  const { key, stamp, classes, counts, notes, ...shape } = parsed.header;
  let at = parsed.end;
  const parts = partNames.map((_, part): Images | null => {
    const count = counts[part] ?? null;
    if (count === null) return null;
    const begin = at;
    const from = begin + count * sizeOf(shape);
    at = from + count * 4;
    if (at > bytes.length) return null;
    const pixels = new Uint8Array(bytes.buffer, bytes.byteOffset + begin, from - begin);
    return {
      ...shape,
      count,
      pixels,
      labels: Int32Array.from({ length: count }, (__, i) => bytes.readInt32LE(from + i * 4)),
    };
  });
  const [train = null, validation = null, test = null] = parts;
  if (train === null || at !== bytes.length) return null;
  const data: RawData = { classes, train, validation, test, ...(notes === undefined ? {} : { notes }) };
  return contentKey(data) === key ? { data, key, stamp } : null;
}
