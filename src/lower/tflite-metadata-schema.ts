/*
 * The part of the TFLite metadata format
 * (https://github.com/google-ai-edge/mediapipe/blob/master/mediapipe/tasks/metadata/metadata_schema.fbs) that image
 * classifiers need, as `tflite-schema.ts` has the model format.
 */

const many = "many";

export const metadataTables = {
  ModelMetadata: {
    name: [0, "string"],
    description: [1, "string"],
    version: [2, "string"],
    subgraphs: [3, "SubgraphMetadata", many],
    minParserVersion: [7, "string"],
  },
  SubgraphMetadata: {
    name: [0, "string"],
    inputs: [2, "TensorMetadata", many],
    outputs: [3, "TensorMetadata", many],
  },
  TensorMetadata: {
    name: [0, "string"],
    description: [1, "string"],
    content: [3, "Content"],
    processUnits: [4, "ProcessUnit", many],
    stats: [5, "Stats"],
    associatedFiles: [6, "AssociatedFile", many],
  },
  /** The format allows other properties than those of images; none is written. */
  Content: {
    /** One of {@link contentTypes}. */
    type: [0, "byte"],
    properties: [1, "ImageProperties"],
  },
  ImageProperties: {
    /** One of {@link colourSpaces}. */
    colourSpace: [0, "byte"],
    size: [1, "ImageSize"],
  },
  ImageSize: { width: [0, "int"], height: [1, "int"] },
  /** The format allows other work than normalisation; none is written. */
  ProcessUnit: {
    /** One of {@link processTypes}. */
    type: [0, "byte"],
    options: [1, "Normalisation"],
  },
  /** `(value − mean) / deviation`, by channel, or one number for all. */
  Normalisation: { mean: [0, "float", many], deviation: [1, "float", many] },
  /** By channel, or one number for all. */
  Stats: { max: [0, "float", many], min: [1, "float", many] },
  AssociatedFile: {
    /** Name of a file in the ZIP archive behind the model. */
    name: [0, "string"],
    description: [1, "string"],
    /** One of {@link fileTypes}. */
    type: [2, "byte"],
  },
} as const;

/** Values of `Content.type`. */
export const contentTypes = { image: 2 } as const;
/** Values of `ImageProperties.colourSpace`. */
export const colourSpaces = { rgb: 1, grey: 2 } as const;
/** Values of `ProcessUnit.type`. */
export const processTypes = { normalisation: 1 } as const;
/** Values of `AssociatedFile.type`: one line for each value of the last dimension. */
export const fileTypes = { labels: 2 } as const;

/** Name of the metadata whose buffer has a `ModelMetadata`. */
export const metadataName = "TFLITE_METADATA";
/** The four bytes after the first four of that buffer. */
export const metadataIdentifier = "M001";
/** Oldest version of the format with all that is written. */
export const minParserVersion = "1.0.0";
