import { PbfReader, PbfWriter } from "pbf";

/*
 * The part of the ONNX file format (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) that image networks need:
 * every message by its fields, every field by its number and what it holds.
 */

const many = "many";

const messages = {
  Model: {
    irVersion: [1, "int"],
    producerName: [2, "string"],
    producerVersion: [3, "string"],
    graph: [7, "Graph"],
    opsets: [8, "Opset", many],
    metadata: [14, "Entry", many],
  },
  Opset: { domain: [1, "string"], version: [2, "int"] },
  Entry: { key: [1, "string"], value: [2, "string"] },
  Graph: {
    nodes: [1, "Operation", many],
    name: [2, "string"],
    initializers: [5, "Tensor", many],
    inputs: [11, "Value", many],
    outputs: [12, "Value", many],
  },
  Operation: {
    inputs: [1, "string", many],
    outputs: [2, "string", many],
    name: [3, "string"],
    type: [4, "string"],
    attributes: [5, "Attribute", many],
    domain: [7, "string"],
  },
  Attribute: {
    name: [1, "string"],
    float: [2, "float"],
    int: [3, "int"],
    string: [4, "string"],
    tensor: [5, "Tensor"],
    graph: [6, "Graph"],
    ints: [8, "int", many],
    /** One of {@link attributeTypes}. */
    type: [20, "int"],
  },
  Tensor: {
    dims: [1, "int", many],
    /** One of {@link elementTypes}. */
    type: [2, "int"],
    name: [8, "string"],
    /** Little-endian, in row-major order. */
    data: [9, "bytes"],
    /** Where the data lie when they are in another file: `location`, `offset`, `length`. */
    outside: [13, "Entry", many],
    /** 1 when the data are in another file. */
    isOutside: [14, "int"],
  },
  Value: { name: [1, "string"], type: [2, "Type"] },
  Type: { tensor: [1, "TensorType"] },
  TensorType: { element: [1, "int"], shape: [2, "TensorShape"] },
  TensorShape: { dims: [1, "Dim", many] },
  Dim: { size: [1, "int"], symbol: [2, "string"] },
} as const satisfies Record<string, Record<string, Field>>;

/** Values of `Tensor.type` and `TensorType.element`. */
export const elementTypes = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
} as const;

/** Values of `Attribute.type`. */
export const attributeTypes = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, ints: 7 } as const;

type Field = readonly [number: number, holds: string, many?: "many"];
interface Scalars {
  int: number;
  float: number;
  string: string;
  bytes: Uint8Array;
}
type Holds<Kind> = Kind extends keyof Scalars ? Scalars[Kind] : Kind extends MessageName ? Message<Kind> : never;

export type MessageName = keyof typeof messages;

/** A message of the ONNX format; what is absent has its default, as protocol buffers say. */
export type Message<Name extends MessageName> = {
  readonly [Key in keyof (typeof messages)[Name]]?: (typeof messages)[Name][Key] extends readonly [
    number,
    infer Kind,
    "many",
  ]
    ? readonly Holds<Kind>[]
    : (typeof messages)[Name][Key] extends readonly [number, infer Kind]
      ? Holds<Kind>
      : never;
};

const wire = { varint: 0, bytes: 2, fixed32: 5 } as const;

const write: { readonly [Kind in keyof Scalars]: (pbf: PbfWriter, number: number, value: Scalars[Kind]) => void } = {
  int: (pbf, number, value) => pbf.writeVarintField(number, value),
  float: (pbf, number, value) => pbf.writeFloatField(number, value),
  string: (pbf, number, value) => pbf.writeStringField(number, value),
  bytes: (pbf, number, value) => pbf.writeBytesField(number, value),
};

function writeMessage(name: MessageName, message: Readonly<Record<string, unknown>>, pbf: PbfWriter): void {
  for (const [key, [number, kind]] of Object.entries<Field>(messages[name])) {
    const value = message[key];
    if (value === undefined) continue;
    for (const item of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (kind in write) (write[kind as keyof Scalars] as (...all: unknown[]) => void)(pbf, number, item);
      else
        pbf.writeMessage(
          number,
          (inner: Record<string, unknown>, to) => writeMessage(kind as MessageName, inner, to),
          item as Record<string, unknown>,
        );
    }
  }
}

/** The bytes of a message. */
export function encode<Name extends MessageName>(name: Name, message: Message<Name>): Uint8Array {
  const pbf = new PbfWriter();
  writeMessage(name, message, pbf);
  return pbf.finish();
}

function expectWire(pbf: PbfReader, type: number): void {
  if (pbf.type !== type) throw new RangeError("a field has another type than the format says");
}

/** Where the length-delimited value at the reader ends; it must end inside its message. */
function endOf(pbf: PbfReader, limit: number): number {
  const start = pbf.pos;
  const end = pbf.readVarint() + pbf.pos;
  if (end > limit) throw new RangeError("it ends in the middle of a value");
  pbf.pos = start;
  return end;
}

function readValues(pbf: PbfReader, kind: string, limit: number): unknown[] {
  if (kind === "float") {
    expectWire(pbf, wire.fixed32);
    return [pbf.readFloat()];
  }
  // Numbers come one by one or packed; both are allowed.
  if (kind === "int" && pbf.type === wire.varint) return [pbf.readVarint(true)];
  expectWire(pbf, wire.bytes);
  const end = endOf(pbf, limit);
  if (kind === "int") return pbf.readPackedVarint([], true);
  if (kind === "string") return [pbf.readString()];
  if (kind === "bytes") return [pbf.readBytes()];
  pbf.readVarint();
  return [readMessage(kind as MessageName, pbf, end)];
}

function readMessage(name: MessageName, pbf: PbfReader, end: number): Record<string, unknown> {
  const fields = new Map(
    Object.entries<Field>(messages[name]).map(([key, field]) => [field[0], [key, field] as const]),
  );
  const message: Record<string, unknown> = {};
  for (let number = pbf.nextField(end); number !== 0; number = pbf.nextField(end)) {
    const found = fields.get(number);
    if (found === undefined) {
      if (pbf.type === wire.bytes) endOf(pbf, end);
      continue;
    }
    const [key, [, kind, isMany]] = found;
    const values = readValues(pbf, kind, end);
    const before = message[key] as unknown[] | undefined;
    if (isMany === undefined) message[key] = values.at(-1);
    else if (before === undefined) message[key] = values;
    else before.push(...values);
  }
  if (pbf.pos !== end) throw new RangeError("it ends in the middle of a value");
  return message;
}

/** Reads a message, passing over fields that the table does not have. Throws `RangeError` when the bytes are none. */
export function decode<Name extends MessageName>(name: Name, bytes: Uint8Array): Message<Name> {
  return readMessage(name, new PbfReader(bytes), bytes.length) as Message<Name>;
}
