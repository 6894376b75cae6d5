/*
 * The part of the TFLite file format, version 3
 * (https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/schema/schema.fbs), that image networks need:
 * every table by its fields, every field by its number and what it holds.
 */

import { metadataTables } from "./tflite-metadata-schema.ts";

const many = "many";

export const tables = {
  ...metadataTables,

  Model: {
    version: [0, "int"],
    codes: [1, "OperatorCode", many],
    subgraphs: [2, "Subgraph", many],
    description: [3, "string"],
    /** The first is empty, for tensors without data. */
    buffers: [4, "Buffer", many],
    metadata: [6, "Metadata", many],
    signatures: [7, "Signature", many],
  },
  OperatorCode: {
    /** The code where it fits into a byte, for readers from before 2020. */
    byteCode: [0, "byte"],
    version: [2, "int", 1],
    /** One of {@link operators}. */
    code: [3, "int"],
  },
  Subgraph: {
    tensors: [0, "Tensor", many],
    /** Numbers of tensors. */
    inputs: [1, "int", many],
    outputs: [2, "int", many],
    operators: [3, "Operator", many],
    name: [4, "string"],
  },
  Tensor: {
    shape: [0, "int", many],
    /** One of {@link tensorTypes}. */
    type: [1, "byte"],
    /** Number of a buffer. */
    buffer: [2, "int"],
    name: [3, "string"],
    quantization: [4, "Quantization"],
    /** The shape with −1 for open axes, which `shape` has as 1; absent where none is open. */
    openShape: [7, "int", many],
    hasRank: [8, "byte"],
  },
  /** `value = scale × (stored − zeroPoint)`, by slices of dimension `axis` where there are several. */
  Quantization: { scale: [2, "float", many], zeroPoint: [3, "long", many], axis: [6, "int"] },
  Operator: {
    /** Number of an operator code. */
    code: [0, "int"],
    inputs: [1, "int", many],
    outputs: [2, "int", many],
    /** One of {@link optionTypes}, and a table of that name. */
    optionsType: [3, "byte"],
    options: [4, "options"],
  },
  Buffer: { data: [0, "bytes"] },
  Metadata: { name: [0, "string"], buffer: [1, "int"] },
  Signature: {
    inputs: [0, "TensorName", many],
    outputs: [1, "TensorName", many],
    key: [2, "string"],
    subgraph: [4, "int"],
  },
  TensorName: { name: [0, "string"], tensor: [1, "int"] },

  ConvOptions: {
    padding: [0, "byte"],
    strideWidth: [1, "int"],
    strideHeight: [2, "int"],
    activation: [3, "byte"],
    dilationWidth: [4, "int", 1],
    dilationHeight: [5, "int", 1],
  },
  DepthwiseConvOptions: {
    padding: [0, "byte"],
    strideWidth: [1, "int"],
    strideHeight: [2, "int"],
    multiplier: [3, "int"],
    activation: [4, "byte"],
    dilationWidth: [5, "int", 1],
    dilationHeight: [6, "int", 1],
  },
  PoolOptions: {
    padding: [0, "byte"],
    strideWidth: [1, "int"],
    strideHeight: [2, "int"],
    filterWidth: [3, "int"],
    filterHeight: [4, "int"],
    activation: [5, "byte"],
  },
  DenseOptions: { activation: [0, "byte"] },
  AddOptions: { activation: [0, "byte"] },
  ReshapeOptions: { shape: [0, "int", many] },
  MulOptions: { activation: [0, "byte"] },
  SoftmaxOptions: { beta: [0, "float"] },
  PadOptions: {},
  ReduceOptions: { keepsDims: [0, "byte"] },
  DequantizeOptions: {},
  SliceOptions: {},
  QuantizeOptions: {},
  HardSwishOptions: {},
} as const satisfies Record<string, Record<string, Field>>;

/** Values of `Operator.optionsType`; the names are ours. */
export const optionTypes = {
  ConvOptions: 1,
  DepthwiseConvOptions: 2,
  PoolOptions: 5,
  DenseOptions: 8,
  SoftmaxOptions: 9,
  AddOptions: 11,
  ReshapeOptions: 17,
  MulOptions: 21,
  PadOptions: 22,
  ReduceOptions: 27,
  DequantizeOptions: 38,
  SliceOptions: 48,
  QuantizeOptions: 89,
  HardSwishOptions: 91,
} as const satisfies Partial<Record<keyof typeof tables, number>>;

/** Values of `OperatorCode.code`. */
export const operators = {
  ADD: 0,
  AVERAGE_POOL_2D: 1,
  CONV_2D: 3,
  DEPTHWISE_CONV_2D: 4,
  DEQUANTIZE: 6,
  FULLY_CONNECTED: 9,
  LOGISTIC: 14,
  MAX_POOL_2D: 17,
  MUL: 18,
  RELU: 19,
  RELU6: 21,
  RESHAPE: 22,
  SOFTMAX: 25,
  PAD: 34,
  MEAN: 40,
  SLICE: 65,
  QUANTIZE: 114,
  HARD_SWISH: 117,
} as const;

/** Values of `Tensor.type`, and the typed arrays that hold them. */
export const tensorTypes = {
  float32: 0,
  float16: 1,
  int32: 2,
  uint8: 3,
  int64: 4,
  bool: 6,
  int16: 7,
  int8: 9,
  float64: 10,
} as const;

/** Values of `padding`; "same" is what `samePadding` computes. */
export const paddings = { same: 0 } as const;

/** Values of `activation`. */
export const activations = { none: 0, relu: 1, relu6: 3 } as const;

/** The four bytes after the first four. */
export const identifier = "TFL3";
export const schemaVersion = 3;

/** The third says that there are several, or gives the value that an absent number has, which is else 0. */
export type Field = readonly [number: number, holds: string, manyOrDefault?: "many" | number];

interface Scalars {
  byte: number;
  int: number;
  long: number;
  float: number;
  string: string;
  bytes: Uint8Array;
}

export type TableName = keyof typeof tables;
export type OptionsName = keyof typeof optionTypes;

type Holds<Kind> = Kind extends keyof Scalars
  ? Scalars[Kind]
  : Kind extends TableName
    ? Table<Kind>
    : Kind extends "options"
      ? object
      : never;

/** A table of the TFLite format; what is absent has its default. */
export type Table<Name extends TableName> = {
  readonly [Key in keyof (typeof tables)[Name]]?: (typeof tables)[Name][Key] extends readonly [
    number,
    infer Kind,
    "many",
  ]
    ? readonly Holds<Kind>[]
    : (typeof tables)[Name][Key] extends readonly [number, infer Kind, ...unknown[]]
      ? Holds<Kind>
      : never;
};
