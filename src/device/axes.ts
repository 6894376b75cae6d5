import { MnasError } from "../errors.ts";

/** An input of a model as its file declares it. An axis is a size, the name of an open one, or null for one without. */
export interface DeclaredInput {
  readonly name: string;
  /** Element type, as ONNX Runtime calls it: "float32". */
  readonly type: string;
  readonly axes: readonly (number | string | null)[];
}

/** An input with the shape that is timed. */
export interface ModelInput {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
}

/** Sizes for the open axes of a model. */
export interface AxisSizes {
  /** Side of image inputs in px. */
  readonly size?: number | undefined;
  /** By name of the axis; one without a name is called `INPUT.NUMBER`, counted from 0. */
  readonly dims?: ReadonlyMap<string, number>;
}

type Axis = DeclaredInput["axes"][number];

const isOpen = (axis: Axis): axis is string | null => typeof axis !== "number";
const isNamed = (axis: Axis | undefined, form: RegExp): boolean => typeof axis === "string" && form.test(axis);
/** Channels of pictures, grey or colour. */
const isChannels = (axis: Axis | undefined): boolean =>
  axis === 1 || axis === 3 || isNamed(axis, /^(?:c|.*channels?)$/i);
/** Names of axes that are no side of a picture. */
const sequenceName = /seq|len|past|time|frame|token|head|step|pos|context|mel|samples/i;
/** Whether an axis beside channels may be a height or a width: exporters also call these `s0` or `x_dynamic_axes_2`. */
const isSide = (axis: Axis | undefined): boolean => axis !== undefined && !isNamed(axis, sequenceName);
/** Whether an open axis is surely a height or a width, where nothing else tells of a picture. */
const isPlainSide = (axis: Axis | undefined): boolean =>
  axis === null ||
  isNamed(axis, /^(?:h|w|.*(?:height|width|side|pixel).*|.*_[hw]|s\d+|unk__\d+|.*(?:dim|axes)_?[23])$/i);
/** Names that exporters give to the number of images. */
const isBatch = (axis: Axis): boolean => axis === null || isNamed(axis, /^(?:n|b|bs|bsz|none|\?|unk__\d+|.*batch.*)$/i);

/** The axes of height and width; null where an input is no picture. */
function pixelAxes({ axes }: DeclaredInput): readonly [number, number] | null {
  if (axes.length !== 4) return null;
  if (isChannels(axes[1]) && isSide(axes[2]) && isSide(axes[3])) return [2, 3];
  if (isChannels(axes[3]) && isSide(axes[1]) && isSide(axes[2])) return [1, 2];
  // Maps of features have any number of channels.
  return typeof axes[1] === "number" && isPlainSide(axes[2]) && isPlainSide(axes[3]) ? [2, 3] : null;
}

/** The size that an open axis has by its meaning; undefined when it has none. */
function meantSize(input: DeclaredInput, at: number, size: number | undefined): number | undefined {
  const pixels = pixelAxes(input);
  if (pixels?.includes(at) === true) return size;
  const isFirst = at === 0 && input.axes.length > 1;
  return isFirst && (pixels !== null || isBatch(input.axes[0]!)) ? 1 : undefined;
}

/** The name of an axis, or its place, `INPUT.NUMBER`, where it has none. */
const axisName = ({ name, axes }: DeclaredInput, at: number): string => {
  const axis = axes[at];
  return typeof axis === "string" ? axis : `${name}.${at}`;
};

/** The names of all open axes of a model. */
export const openAxes = (inputs: readonly DeclaredInput[]): string[] => [
  ...new Set(inputs.flatMap((input) => input.axes.flatMap((axis, at) => (isOpen(axis) ? [axisName(input, at)] : [])))),
];

const dimsText = (axes: readonly Axis[]): string => axes.map((axis) => axis ?? "?").join("×");

/**
 * The inputs of a model with all axes filled: the batch with 1, pixels with `size`, others by name. Axes of one name have
 * one size.
 *
 * @param model for messages.
 * @returns also the names of `dims` that were used.
 * @throws MnasError `MODEL_INVALID` naming the axes that stay open, or an axis that would have two sizes; `USAGE` for a
 * `size` that no input has.
 */
export function fillAxes(
  model: string,
  inputs: readonly DeclaredInput[],
  { size, dims = new Map() }: AxisSizes,
): { readonly inputs: ModelInput[]; readonly used: ReadonlySet<string> } {
  const sizes = new Map(dims);
  for (const input of inputs) {
    for (const [at, axis] of input.axes.entries()) {
      const name = axisName(input, at);
      const meant = isOpen(axis) && !dims.has(name) ? meantSize(input, at, size) : undefined;
      if (meant === undefined) continue;
      const known = sizes.get(name) ?? meant;
      if (known !== meant) {
        throw new MnasError(
          "MODEL_INVALID",
          `Cannot measure "${model}": its axis ${name} would be both ${known} and ${meant}`,
          { hint: `Give its size with --dim ${name}=N.` },
        );
      }
      sizes.set(name, meant);
    }
  }
  const filled = inputs.map((input) => ({
    name: input.name,
    type: input.type,
    shape: input.axes.map((axis, at) => (isOpen(axis) ? (sizes.get(axisName(input, at)) ?? 0) : axis)),
  }));
  const open = openAxes(inputs);
  const missing = new Set(open.filter((name) => !sizes.has(name)));
  if (missing.size > 0) {
    const shapes = inputs.map(({ name, axes }) => `${name} is ${dimsText(axes)}`).join(", ");
    const names = [...missing];
    const hasPixels = inputs.some((input) => pixelAxes(input)?.some((at) => missing.has(axisName(input, at))));
    throw new MnasError(
      "MODEL_INVALID",
      `Cannot measure "${model}": the size of ${names.join(", ")} is open (${shapes})`,
      { hint: `Say it with ${hasPixels ? "--size PX, or " : ""}${names.map((name) => `--dim ${name}=N`).join(" ")}.` },
    );
  }
  if (size !== undefined) checkSize(model, inputs, size);
  return { inputs: filled, used: new Set(open.filter((name) => dims.has(name))) };
}

/** Refuses a size that a model does not have. Throws `USAGE`. */
function checkSize(model: string, inputs: readonly DeclaredInput[], size: number): void {
  const images = inputs.filter((input) => pixelAxes(input) !== null);
  const other = images.find((input) =>
    pixelAxes(input)!.some((at) => !isOpen(input.axes[at]!) && input.axes[at] !== size),
  );
  if (images.length > 0 && other === undefined) return;
  const problem =
    other === undefined
      ? "none of its inputs is an image"
      : `its input ${other.name} has a fixed shape, ${dimsText(other.axes)}`;
  throw new MnasError("USAGE", `Cannot apply --size ${size} to "${model}": ${problem}`, {
    hint: "Leave out --size, or export the network again for that size.",
  });
}
