import { elementTypes } from "../lower/onnx-proto.ts";
import type { Rng } from "../util/rng.ts";

/** The values of a tensor, as runtimes take them. */
export type TensorValues =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

interface TensorKind {
  /** In ONNX files. */
  readonly element: number;
  /** Of one value. */
  readonly bytes: number;
  readonly random: (length: number, rng: Rng) => TensorValues;
}

/** 0 or 1: small enough for an index, and a value of masks. */
const bit = (rng: Rng): number => Math.floor(2 * rng.next());
const byte = (rng: Rng): number => Math.floor(256 * rng.next());
/** A number of 16 bits in [0.5, 1). */
const half = (rng: Rng): number => 0x3800 + Math.floor(1024 * rng.next());

/** Element types by ONNX Runtime's names. Values are random: pixels in [0, 1) or a byte, other integers 0 or 1. */
const kinds: Readonly<Record<string, TensorKind>> = {
  float32: {
    element: elementTypes.float,
    bytes: 4,
    random: (length, rng) => Float32Array.from({ length }, () => rng.next()),
  },
  float64: {
    element: elementTypes.double,
    bytes: 8,
    random: (length, rng) => Float64Array.from({ length }, () => rng.next()),
  },
  float16: {
    element: elementTypes.float16,
    bytes: 2,
    random: (length, rng) => Uint16Array.from({ length }, () => half(rng)),
  },
  uint8: {
    element: elementTypes.uint8,
    bytes: 1,
    random: (length, rng) => Uint8Array.from({ length }, () => byte(rng)),
  },
  int8: {
    element: elementTypes.int8,
    bytes: 1,
    random: (length, rng) => Int8Array.from({ length }, () => byte(rng) - 128),
  },
  uint16: {
    element: elementTypes.uint16,
    bytes: 2,
    random: (length, rng) => Uint16Array.from({ length }, () => bit(rng)),
  },
  int16: {
    element: elementTypes.int16,
    bytes: 2,
    random: (length, rng) => Int16Array.from({ length }, () => bit(rng)),
  },
  uint32: {
    element: elementTypes.uint32,
    bytes: 4,
    random: (length, rng) => Uint32Array.from({ length }, () => bit(rng)),
  },
  int32: {
    element: elementTypes.int32,
    bytes: 4,
    random: (length, rng) => Int32Array.from({ length }, () => bit(rng)),
  },
  uint64: {
    element: elementTypes.uint64,
    bytes: 8,
    random: (length, rng) => BigUint64Array.from({ length }, () => BigInt(bit(rng))),
  },
  int64: {
    element: elementTypes.int64,
    bytes: 8,
    random: (length, rng) => BigInt64Array.from({ length }, () => BigInt(bit(rng))),
  },
  bool: { element: elementTypes.bool, bytes: 1, random: (length, rng) => Uint8Array.from({ length }, () => bit(rng)) },
};

/** Facts of an element type; undefined for one that numbers cannot fill, such as text. */
export const tensorKind = (type: string): TensorKind | undefined => kinds[type];

/** Inputs with more values are not images, and might not fit in memory. */
const mostValues = 1e8;

/**
 * Random values for an input.
 *
 * @throws RangeError naming the fault of the input, when random numbers cannot fill it.
 */
export function randomValues(type: string, dims: readonly number[], rng: Rng): TensorValues {
  const kind = tensorKind(type);
  if (kind === undefined) throw new RangeError(`is ${type}, which random numbers cannot fill`);
  const length = dims.reduce((n, size) => n * size, 1);
  if (length > mostValues) throw new RangeError(`has ${length} values, must have at most ${mostValues}`);
  return kind.random(length, rng);
}
