import type { Graph } from "../graph/graph.ts";
import type { Node } from "../graph/node.ts";
import { paramsOf, traitsOf, type Parameter } from "../graph/ops.ts";
import type { Weights } from "../graph/weights.ts";

/** Channels in memory: the next multiple of 8, two vectors that the compiler may merge. */
export const padded = (channels: number): number => Math.ceil(channels / 8) * 8;

/** Where a parameter lies, in float32 from the start of a section: rows of `padded(channels)`. */
export interface Slot {
  readonly offset: number;
  /** Rows by tap and input channel: [taps, inputs]; in memory [taps, paddedInputs]. */
  readonly taps: number;
  readonly inputs: number;
  readonly paddedInputs: number;
  readonly channels: number;
}

/**
 * One order of all parameters, used by every section of memory that has a value per weight (weights, gradients,
 * momentum, average): those with weight decay, then the others that are trained, then running statistics. So an
 * optimizer runs over whole sections.
 */
export interface Layout {
  readonly slots: ReadonlyMap<string, Slot>;
  /** Ends of the three parts, in float32. */
  readonly decayed: number;
  readonly trained: number;
  readonly size: number;
}

function slotOf(node: Node, { name, shape }: Parameter, offset: number): { slot: Slot; size: number } {
  const channels = shape.at(-1)!;
  const width = padded(channels);
  const isMatrix = name.endsWith(".weight") && traitsOf(node).weights === "matrix";
  if (!isMatrix) {
    const rows = shape.slice(0, -1).reduce((n, size) => n * size, 1);
    return { slot: { offset, taps: 1, inputs: rows, paddedInputs: rows, channels }, size: rows * width };
  }
  const inputs = shape.at(-2)!;
  const taps = shape.slice(0, -2).reduce((n, size) => n * size, 1);
  // A k×k convolution reads the image itself, whose channels are not padded.
  const isOnImage = node.op === "Conv" && node.inputs[0].op === "Input" && taps > 1;
  const paddedInputs = isOnImage ? inputs : padded(inputs);
  // A matrix product computes rows four by four.
  const rows = Math.ceil((taps * paddedInputs) / 4) * 4;
  return { slot: { offset, taps, inputs, paddedInputs, channels }, size: rows * width };
}

export function layoutOf(graph: Graph): Layout {
  const all = graph.nodes.flatMap((node) => paramsOf(node).map((parameter) => ({ node, parameter })));
  const parts = [
    all.filter(({ parameter }) => parameter.isTrainable && parameter.hasDecay),
    all.filter(({ parameter }) => parameter.isTrainable && !parameter.hasDecay),
    all.filter(({ parameter }) => !parameter.isTrainable),
  ];
  const slots = new Map<string, Slot>();
  let offset = 0;
  const ends = parts.map((part) => {
    for (const { node, parameter } of part) {
      const { slot, size } = slotOf(node, parameter, offset);
      slots.set(parameter.name, slot);
      offset += size;
    }
    return offset;
  });
  return { slots, decayed: ends[0]!, trained: ends[1]!, size: offset };
}

/** Calls `visit` with the place of each row in `Weights` and in a section. */
function eachRow(
  { offset, taps, inputs, paddedInputs, channels }: Slot,
  visit: (outside: number, inside: number) => void,
): void {
  for (let tap = 0; tap < taps; tap++) {
    for (let i = 0; i < inputs; i++) {
      visit((tap * inputs + i) * channels, offset + (tap * paddedInputs + i) * padded(channels));
    }
  }
}

/** Writes weights into a section, zeros where it is padded. */
export function packWeights({ slots }: Layout, weights: Weights, section: Float32Array): void {
  section.fill(0);
  for (const [name, slot] of slots) {
    const values = weights.get(name);
    const length = slot.taps * slot.inputs * slot.channels;
    if (values?.length !== length)
      throw new Error(`internal: "${name}" needs ${length} values, not ${values?.length ?? 0}`);
    eachRow(slot, (outside, inside) => section.set(values.subarray(outside, outside + slot.channels), inside));
  }
}

/** The contrary of `packWeights`. */
export function unpackWeights({ slots }: Layout, section: Float32Array): Weights {
  return new Map(
    [...slots].map(([name, slot]) => {
      const values = new Float32Array(slot.taps * slot.inputs * slot.channels);
      eachRow(slot, (outside, inside) => values.set(section.subarray(inside, inside + slot.channels), outside));
      return [name, values];
    }),
  );
}
