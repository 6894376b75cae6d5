import { Builder, ByteBuffer } from "flatbuffers";
import { metadataIdentifier } from "./tflite-metadata-schema.ts";
import {
  identifier,
  optionTypes,
  schemaVersion,
  tables,
  type Field,
  type OptionsName,
  type Table,
  type TableName,
} from "./tflite-schema.ts";

/** Data of tensors starts at multiples of this, so that runtimes can use the file in memory as it is. */
const dataAlignment = 16;

type Row = Readonly<Record<string, unknown>>;

const sizes: Readonly<Record<string, number>> = { byte: 1, int: 4, long: 8, float: 4 };

/** Writes numbers, or offsets of what was written before, as a vector. */
function writeVector(builder: Builder, kind: string, items: readonly number[]): number {
  builder.startVector(sizes[kind] ?? 4, items.length, sizes[kind] ?? 4);
  for (const item of items.toReversed()) {
    if (kind === "byte") builder.addInt8(item);
    else if (kind === "int") builder.addInt32(item);
    else if (kind === "long") builder.addInt64(BigInt(item));
    else if (kind === "float") builder.addFloat32(item);
    else builder.addOffset(item);
  }
  return builder.endVector();
}

/** Writes what a field points to; null for numbers, which stand in the table itself. */
function writePointed(builder: Builder, [, kind, many]: Field, value: unknown, options?: OptionsName): number | null {
  if (kind === "string") return builder.createString(value as string);
  if (kind === "bytes") {
    const bytes = value as Uint8Array;
    builder.prep(dataAlignment, bytes.length);
    return builder.createByteVector(bytes);
  }
  if (many === "many") {
    const items = value as readonly unknown[];
    const isNumbers = kind in sizes;
    return writeVector(
      builder,
      kind,
      isNumbers ? (items as number[]) : items.map((item) => writePointed(builder, [0, kind], item)!),
    );
  }
  if (kind in sizes) return null;
  return writeTable(builder, kind === "options" ? options! : (kind as TableName), value as Row);
}

function writeTable(builder: Builder, name: TableName, row: Row): number {
  const fields = Object.entries<Field>(tables[name]).filter(([key]) => row[key] !== undefined);
  const options = Object.entries(optionTypes).find(([, type]) => type === row["optionsType"])?.[0] as OptionsName;
  const pointed = fields.map(([key, field]) => writePointed(builder, field, row[key], options));
  builder.startObject(1 + Math.max(-1, ...Object.values<Field>(tables[name]).map(([number]) => number)));
  fields.forEach(([key, [number, kind, initial]], i) => {
    const value = row[key] as number;
    if (pointed[i] != null) builder.addFieldOffset(number, pointed[i], 0);
    else if (kind === "byte") builder.addFieldInt8(number, value, 0);
    else if (kind === "int") builder.addFieldInt32(number, value, typeof initial === "number" ? initial : 0);
    else if (kind === "float") builder.addFieldFloat32(number, value, 0);
    else throw new Error(`internal: no single ${kind} is in the tables`);
  });
  return builder.endObject();
}

function encode(name: TableName, row: Row, identifier: string): Uint8Array {
  const builder = new Builder(1 << 16);
  builder.finish(writeTable(builder, name, row), identifier);
  return builder.asUint8Array().slice();
}

/** The bytes of a model; the same for the same model. */
export const encodeModel = (model: Table<"Model">): Uint8Array => encode("Model", model, identifier);

/** The bytes of the metadata of a model. */
export const encodeMetadata = (metadata: Table<"ModelMetadata">): Uint8Array =>
  encode("ModelMetadata", metadata, metadataIdentifier);

/** A place in a file, refusing what is outside of it. */
class Reader {
  private readonly buffer: ByteBuffer;
  /** Bytes of vectors that may still be read; a damaged file may name the same ones again and again. */
  private left: number;

  constructor(bytes: Uint8Array) {
    this.buffer = new ByteBuffer(bytes);
    this.left = 4 * bytes.length;
  }

  at(offset: number, size: number): number {
    if (offset < 0 || offset + size > this.buffer.capacity()) throw new RangeError("it points to outside of the file");
    return offset;
  }

  number(kind: string, offset: number): number {
    const at = this.at(offset, sizes[kind]!);
    if (kind === "byte") return this.buffer.readInt8(at);
    if (kind === "int") return this.buffer.readInt32(at);
    if (kind === "long") return Number(this.buffer.readInt64(at));
    return this.buffer.readFloat32(at);
  }

  /** Where the 32-bit offset at a place points. */
  follow(offset: number): number {
    return offset + this.buffer.readUint32(this.at(offset, 4));
  }

  /** Start and number of items of the vector that the place points to. */
  vector(offset: number, itemSize: number): { start: number; length: number } {
    const vector = this.follow(offset);
    const length = this.buffer.readUint32(this.at(vector, 4));
    this.left -= 4 + length * itemSize;
    if (this.left < 0) throw new RangeError("its parts are more than the file");
    return { start: this.at(vector + 4, length * itemSize), length };
  }

  bytes(offset: number): Uint8Array {
    const { start, length } = this.vector(offset, 1);
    return this.buffer.bytes().subarray(start, start + length);
  }

  /** Where a field of a table is; null when it is absent. */
  field(table: number, number: number): number | null {
    const vtable = table - this.number("int", table);
    const size = this.buffer.readUint16(this.at(vtable, 4));
    const entry = 4 + 2 * number;
    if (entry + 2 > size) return null;
    const offset = this.buffer.readUint16(this.at(vtable + entry, 2));
    return offset === 0 ? null : table + offset;
  }
}

function readTable(reader: Reader, name: TableName, table: number): Row {
  const row: Record<string, unknown> = {};
  for (const [key, [number, kind, initial]] of Object.entries<Field>(tables[name])) {
    const at = reader.field(table, number);
    const isNumber = kind in sizes;
    if (at === null) {
      if (isNumber && initial !== "many") row[key] = initial ?? 0;
    } else if (kind === "string") row[key] = new TextDecoder().decode(reader.bytes(at));
    else if (kind === "bytes") row[key] = reader.bytes(at);
    else if (initial === "many") {
      const size = sizes[kind] ?? 4;
      const { start, length } = reader.vector(at, size);
      row[key] = Array.from({ length }, (_, i) => {
        const item = start + i * size;
        return isNumber ? reader.number(kind, item) : readTable(reader, kind as TableName, reader.follow(item));
      });
    } else if (isNumber) row[key] = reader.number(kind, at);
    else if (kind !== "options") row[key] = readTable(reader, kind as TableName, reader.follow(at));
    else {
      const options = Object.entries(optionTypes).find(([, type]) => type === row["optionsType"])?.[0];
      if (options !== undefined) row[key] = readTable(reader, options as OptionsName, reader.follow(at));
    }
  }
  return row;
}

/** Reads a table, passing over fields that the tables do not have. Throws `RangeError` when the bytes have none. */
function decode<Name extends TableName>(name: Name, bytes: Uint8Array, identifier: string): Table<Name> {
  const found = new TextDecoder("latin1").decode(bytes.subarray(4, 8));
  if (found !== identifier) throw new RangeError(`it does not begin with ${identifier}`);
  const reader = new Reader(bytes);
  return readTable(reader, name, reader.follow(0)) as Table<Name>;
}

/** Reads a model. Throws `RangeError` when the bytes are none. */
export function decodeModel(bytes: Uint8Array): Table<"Model"> {
  const model = decode("Model", bytes, identifier);
  if (model.version !== schemaVersion || model.subgraphs === undefined) throw new RangeError("it has no network");
  return model;
}

/** Reads the metadata of a model. Throws `RangeError` when the bytes are none. */
export const decodeMetadata = (bytes: Uint8Array): Table<"ModelMetadata"> =>
  decode("ModelMetadata", bytes, metadataIdentifier);
