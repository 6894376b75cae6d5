import { apart, bandBytes, bandOf, biasOf, blockRowsOf, packedBytes, reordered } from "./blocks.ts";
import { give, type Lowering, type Window } from "./lowering.ts";
import { gradientBuffer, type Tensor } from "./tensor.ts";

/**
 * Whether the gradient of `t` need not be stored: `t` is a 1×1 convolution with batch-norm whose only user is a depthwise
 * one. It pays where rows are long and the source is narrow: the products that replace the gradient grow with the square
 * of the source's channels.
 */
export function isExpansion(t: Tensor): boolean {
  const [source, gate] = t.inputs as readonly [Tensor, Tensor?];
  if (t.kind !== "Pointwise" || t.norm === null || t.users.length !== 1 || gate !== undefined) return false;
  return source.needsGradient && biasOf(t, () => 1) === 0 && source.width ** 2 <= 12 * t.width;
}

/** The way back of a depthwise convolution `t` and of the expansion before it, as far as it goes before the sums are known. */
export function expansionBackward(to: Lowering, t: Tensor, window: Window): void {
  const { builder, weightAt, gradientAt } = to;
  const x = t.inputs[0]!;
  const source = x.inputs[0]!;
  const name = x.node.name;
  const back = reordered(to, x, source.width, "transpose");
  const scaled = builder.buffer(packedBytes(x.width, source.width));
  const gram = builder.buffer(4 * (source.width + 1) * source.width);
  builder.emit({ kernel: "expandPrepare", args: [source.record, x.record, x.normRecord!, back, scaled] }, [
    back,
    scaled,
  ]);
  const accumulate = source.gradient === null ? 0 : 1;
  source.gradient ??= gradientBuffer(builder, source);
  const { kernel, planeWidth } = window;
  const { band } = bandOf(x.shape[0], (chunk) => 2 * planeWidth * apart(4 * chunk), x.width, kernel - 1, x.width);
  const args = [
    source.record,
    x.record,
    window.record,
    weightAt(`${t.node.name}.weight`),
    gradientAt(`${t.node.name}.weight`),
    t.record,
    scaled,
    gradientAt(`${name}.weight`),
    gram,
    to.zeros,
    builder.scratch,
    band,
    accumulate,
  ];
  const pixels = band * x.shape[1] + 4;
  const bytes = bandBytes(window, t, x.width, band) + pixels * (apart(4 * x.width) + 8 * source.width);
  const touched = [x.value, source.value, source.gradient, t.value, t.gradient, t.imageGradient, scaled, gram];
  builder.emit({ kernel: "expandBackward", args }, touched, bytes);
  x.isClosed = true;
  x.expansion = { transposed: back, gram };
}

/** The rest, now that the sums of batch-norm are known. */
export function finishExpansion(
  to: Lowering,
  t: Tensor,
  { transposed: back, gram }: NonNullable<Tensor["expansion"]>,
): void {
  const { builder, weightAt, gradientAt } = to;
  const source = t.inputs[0]!;
  const weight = `${t.node.name}.weight`;
  const rows = blockRowsOf(source.rows, 8 * source.width);
  const [, closes] = give(to, source);
  const args = [
    source.record,
    t.record,
    weightAt(weight),
    back,
    gradientAt(weight),
    gram,
    to.zeros,
    builder.scratch,
    rows,
    closes,
  ];
  const bytes = 4 * source.width * (2 * t.width + source.width + 1 + 2 * (rows + 4));
  const touched = [source.value, source.gradient, source.imageGradient, back, gram];
  builder.emit({ kernel: "expandFinish", args }, touched, bytes);
}
