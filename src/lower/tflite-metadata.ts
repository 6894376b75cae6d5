import { imageAdvice, type ModelMetadata } from "./metadata.ts";
import { encodeMetadata } from "./tflite-file.ts";
import { colourSpaces, contentTypes, fileTypes, minParserVersion, processTypes } from "./tflite-metadata-schema.ts";

/** Name of the labels, in the archive behind a model and beside it. */
export const labelsName = "labels.txt";

/** One class a line, in the order of the outputs; a line break inside a name becomes a blank. */
export const labelsText = (classes: readonly string[]): string =>
  classes.map((name) => `${name.replaceAll(/[\r\n]+/g, " ")}\n`).join("");

/** One number where all channels have the same, as most readers need it. */
const merged = (values: readonly number[]): readonly number[] =>
  values.every((value) => value === values[0]) ? values.slice(0, 1) : values;

/**
 * The metadata that Google's tools read, such as MediaPipe's ImageClassifier: the kind of the input, its normalisation,
 * and the place of the outputs' names.
 */
export function standardMetadata(
  { version, notation, classes, preprocessing }: ModelMetadata,
  output: string,
): Uint8Array {
  const { mean, deviation, height, width, channels } = preprocessing;
  const pixel = {
    mean: merged(mean.map((value) => 255 * value)),
    deviation: merged(deviation.map((value) => 255 * value)),
  };
  const extreme = (value: number): number[] => mean.map((m, c) => (value - m) / deviation[c]!);
  const colourSpace = channels === 3 ? colourSpaces.rgb : colourSpaces.grey;
  const labels = { name: labelsName, description: "Names of the classes.", type: fileTypes.labels };
  return encodeMetadata({
    name: "mnas",
    description: notation,
    version,
    subgraphs: [
      {
        name: "main",
        inputs: [
          {
            name: "image",
            description: imageAdvice(preprocessing),
            content: { type: contentTypes.image, properties: { colourSpace, size: { width, height } } },
            processUnits: [{ type: processTypes.normalisation, options: pixel }],
            stats: { max: merged(extreme(1)), min: merged(extreme(0)) },
          },
        ],
        outputs: [
          {
            name: output,
            description: `One of the ${output} for each class.`,
            ...(classes.length === 0 ? {} : { associatedFiles: [labels] }),
          },
        ],
      },
    ],
    minParserVersion,
  });
}
