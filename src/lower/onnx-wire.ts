import { PbfReader, PbfWriter } from "pbf";

/*
 * Changes parts of an ONNX file and leaves every other byte as it is, fields that mnas does not know included.
 */

/** Bytes in pieces, so that weights are not copied for each message around them. */
export type Pieces = readonly Uint8Array[];

export const lengthOf = (pieces: Pieces): number => pieces.reduce((sum, { length }) => sum + length, 0);

interface Field {
  readonly number: number;
  /** All of it, tag included. */
  readonly bytes: Uint8Array;
  /** The content of a length-delimited field; null for numbers. */
  readonly content: Uint8Array | null;
}

/** Splits a message into its fields. Throws `RangeError` when the bytes are none. */
export function fieldsOf(bytes: Uint8Array): Field[] {
  const pbf = new PbfReader(bytes);
  const fields: Field[] = [];
  while (pbf.pos < bytes.length) {
    const start = pbf.pos;
    const tag = pbf.readVarint();
    const [number, wire] = [Math.floor(tag / 8), tag % 8];
    let content: Uint8Array | null = null;
    if (wire === 0) pbf.readVarint();
    else if (wire === 1) pbf.pos += 8;
    else if (wire === 5) pbf.pos += 4;
    else if (wire === 2) {
      const length = pbf.readVarint();
      content = bytes.subarray(pbf.pos, pbf.pos + length);
      pbf.pos += length;
    } else throw new RangeError("it has a field of an unknown type");
    if (number === 0 || pbf.pos > bytes.length) throw new RangeError("it ends in the middle of a value");
    fields.push({ number, bytes: bytes.subarray(start, pbf.pos), content });
  }
  return fields;
}

/** A length-delimited field. */
export function fieldOf(number: number, content: Pieces): Uint8Array[] {
  const pbf = new PbfWriter();
  pbf.writeVarint(number * 8 + 2);
  pbf.writeVarint(lengthOf(content));
  return [pbf.finish(), ...content];
}

/** Messages inside each message, by the number of their field: all paths that lead to a tensor, and to an input. */
const inner = {
  Model: { 7: "Main", 25: "Function" },
  /** The graph itself, whose inputs are those of the model. */
  Main: { 1: "Operation", 5: "Tensor", 11: "Input", 15: "Sparse" },
  Graph: { 1: "Operation", 5: "Tensor", 15: "Sparse" },
  Operation: { 5: "Attribute" },
  Attribute: { 5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse" },
  Function: { 7: "Operation", 11: "Attribute" },
  Sparse: { 1: "Tensor", 2: "Tensor" },
  Tensor: {},
  Input: {},
} as const satisfies Readonly<Record<string, Readonly<Record<number, string>>>>;

type Kind = keyof typeof inner;

/** Gives a message anew; null to leave it as it is. */
export type Edits = { readonly [K in "Tensor" | "Input"]?: (message: Uint8Array) => Pieces | null };

function editMessage(kind: Kind, message: Uint8Array, edits: Edits): Pieces | null {
  if (kind === "Tensor" || kind === "Input") return edits[kind]?.(message) ?? null;
  const kinds: Readonly<Record<number, Kind>> = inner[kind];
  let isChanged = false;
  const pieces = fieldsOf(message).flatMap(({ number, bytes, content }) => {
    const within = kinds[number];
    const edited = within === undefined || content === null ? null : editMessage(within, content, edits);
    isChanged ||= edited !== null;
    return edited === null ? [bytes] : fieldOf(number, edited);
  });
  return isChanged ? pieces : null;
}

/** An ONNX model with some of its tensors and inputs given anew. Throws `RangeError` when the bytes are no model. */
export const editModel = (model: Uint8Array, edits: Edits): Pieces => editMessage("Model", model, edits) ?? [model];
