/*
 * Notation of a network, extended from the block strings of the MnasNet reference code. One line, tokens separated by
 * spaces:
 *
 *   in224x224x3 stem32_k3_s22 r1_k3_s11_e1_i32_o16_noskip r2_k3_s22_e6_i16_o24 … head1280 drop0.2 classes1000
 *
 * Block: r layers · k kernel · s stride (height and width) · e expansion, where e1 is a depthwise-separable convolution
 * and `conv` in its place a full one · i input and o output channels · se ratio · skip (identity unless `noskip` or
 * `pool`) · activation (relu unless named) · `pact` when the projection is activated too.
 */
import { MnasError } from "../errors.ts";
import {
  activations,
  checkArch,
  expansionOf,
  type Activation,
  type Arch,
  type BlockSpec,
  type HeadSpec,
  type StemSpec,
} from "./arch.ts";

const suffix = (activation: Activation | undefined): string =>
  activation === undefined || activation === "relu" ? "" : `_${activation}`;

/** One block, for example `r3_k5_s22_e3_i24_o40_se0.25`; `input` is the number of channels it gets. */
export function formatBlock(block: BlockSpec, input: number): string {
  const { op, kernel, stride, filters, layers, seRatio, skip } = block;
  const kind = op === "conv" ? "conv" : `e${expansionOf(op)}`;
  const se = seRatio > 0 ? `_se${seRatio}` : "";
  const added = skip === "none" ? "_noskip" : skip === "pool" ? "_pool" : "";
  const projection = block.activateProjection === true ? "_pact" : "";
  return `r${layers}_k${kernel}_s${stride}${stride}_${kind}_i${input}_o${filters}${se}${added}${suffix(block.activation)}${projection}`;
}

/** A stem, for example `stem32_k3_s22`. */
export const formatStem = ({ filters, kernel, stride, activation }: StemSpec): string =>
  `stem${filters}_k${kernel}_s${stride}${stride}${suffix(activation)}`;

/** A head, for example `head1280`. */
export const formatHead = ({ filters, activation }: HeadSpec): string =>
  `head${filters}${filters > 0 ? suffix(activation) : ""}`;

/** A block without what changes nothing where it stands: a missing skip that would not fit, a projection it has not. */
export function plain(block: BlockSpec, [height, width, channels]: readonly [number, number, number]): BlockSpec {
  const isSameSize = block.stride === 1 || (height === 1 && width === 1);
  // Layers after the first keep their input's shape.
  const fits = block.layers > 1 || (isSameSize && block.filters === channels);
  return {
    ...block,
    skip: block.skip === "none" && !fits ? "identity" : block.skip,
    activateProjection: block.activateProjection === true && block.op !== "conv",
  };
}

/**
 * The whole network in one line. It is the cache key of results: equal notations are equal networks and, but for two
 * `se` ratios that round to one width, the other way round.
 */
export function formatArch({ task, stem, blocks, head, dropout }: Arch): string {
  let shape: [number, number, number] = [
    Math.ceil(task.height / stem.stride),
    Math.ceil(task.width / stem.stride),
    stem.filters,
  ];
  const parts = [`in${task.height}x${task.width}x${task.channels}`, formatStem(stem)];
  for (const block of blocks) {
    parts.push(formatBlock(plain(block, shape), shape[2]));
    shape = [Math.ceil(shape[0] / block.stride), Math.ceil(shape[1] / block.stride), block.filters];
  }
  parts.push(formatHead(head));
  if (dropout > 0) parts.push(`drop${dropout}`);
  parts.push(`classes${task.classes}`);
  return parts.join(" ");
}

const names = activations.join("|");
const number = String.raw`\d+(?:\.\d+)?(?:e-?\d+)?`;
const blockPattern = new RegExp(
  String.raw`^r(\d+)_k(\d+)_s(\d)(\d)_(?:e(\d+)|(conv))_i(\d+)_o(\d+)(?:_se(${number}))?(?:_(noskip|pool))?(?:_(${names}))?(_pact)?$`,
);
const stemPattern = new RegExp(String.raw`^stem(\d+)_k(\d+)_s(\d)(\d)(?:_(${names}))?$`);
const headPattern = new RegExp(String.raw`^head(\d+)(?:_(${names}))?$`);

const fail = (token: string, need: string): never => {
  throw new MnasError("ARCH_INVALID", `Cannot read architecture: "${token}" ${need}`, {
    hint: "Write it like `mnas models mnasnet-a1` prints it.",
  });
};

const named = (activation: string | undefined): { activation?: Activation } =>
  activation === undefined ? {} : { activation: activation as Activation };

/** One block and the input channels it names. Throws `ARCH_INVALID`. */
export function parseBlock(token: string): { block: BlockSpec; input: number } {
  const m = blockPattern.exec(token) ?? fail(token, "is not a block like r3_k5_s22_e3_i24_o40_se0.25");
  const [, layers, kernel, stride, strideWidth, expansion, conv, input, filters, se, skip, activation, projection] = m;
  if (stride !== strideWidth) fail(token, "has different strides for height and width");
  return {
    input: Number(input),
    block: {
      op: conv !== undefined ? "conv" : expansion === "1" ? "sepconv" : `mbconv${Number(expansion)}`,
      kernel: Number(kernel),
      stride: Number(stride),
      filters: Number(filters),
      layers: Number(layers),
      seRatio: se === undefined ? 0 : Number(se),
      skip: skip === "noskip" ? "none" : skip === "pool" ? "pool" : "identity",
      ...named(activation),
      ...(projection === undefined ? {} : { activateProjection: true }),
    },
  };
}

/** Reads what `formatArch` writes. Throws `ARCH_INVALID` naming the token that does not fit. */
export function parseArch(notation: string): Arch {
  const tokens = notation.trim().split(/\s+/);
  const take = (what: string): string => tokens.shift() ?? fail(notation, `ends before its ${what}`);

  const image = take("image size");
  const size = /^in(\d+)x(\d+)x(\d+)$/.exec(image) ?? fail(image, "is not an image size like in224x224x3");
  const stemToken = take("stem");
  const stem = stemPattern.exec(stemToken) ?? fail(stemToken, "is not a stem like stem32_k3_s22");
  if (stem[3] !== stem[4]) fail(stemToken, "has different strides for height and width");

  const blocks: BlockSpec[] = [];
  let channels = Number(stem[1]);
  while (tokens[0]?.startsWith("r")) {
    const token = take("block");
    const { block, input } = parseBlock(token);
    if (input !== channels) fail(token, `takes ${input} channels, but ${channels} come in`);
    blocks.push(block);
    channels = block.filters;
  }
  const headToken = take("head");
  const head = headPattern.exec(headToken) ?? fail(headToken, "is not a block, nor a head like head1280");
  const dropout = tokens[0]?.startsWith("drop") ? Number(take("dropout").slice(4)) : 0;
  const classesToken = take("classes");
  const classes =
    /^classes(\d+)$/.exec(classesToken) ?? fail(classesToken, "is not a number of classes like classes1000");
  if (tokens.length > 0) fail(tokens[0]!, "follows the end of the network");

  return checkArch({
    task: { height: Number(size[1]), width: Number(size[2]), channels: Number(size[3]), classes: Number(classes[1]) },
    stem: { filters: Number(stem[1]), kernel: Number(stem[2]), stride: Number(stem[3]), ...named(stem[5]) },
    blocks,
    head: { filters: Number(head[1]), ...named(head[2]) },
    dropout,
  });
}
