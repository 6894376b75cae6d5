import { loadRuntime } from "../device/runtime.ts";
import type { Graph } from "../graph/graph.ts";
import type { Weights } from "../graph/weights.ts";
import { toOnnxWithValues } from "../lower/onnx.ts";
import type { Range, Ranges } from "../lower/quantization.ts";
import { onnxImages } from "./formats.ts";
import type { ProbeImages } from "./probe-images.ts";

/** How often a value falls into equal parts of its range. */
interface Histogram {
  readonly range: Range;
  readonly counts: Float64Array;
}

const bins = 1024;
const nothing: Range = { min: Infinity, max: -Infinity };

function widen(range: Range, values: Float32Array): Range {
  let { min, max } = range;
  for (const value of values) {
    if (value < min) min = value;
    if (value > max) max = value;
  }
  return { min, max };
}

function tally({ range: { min, max }, counts }: Histogram, values: Float32Array): void {
  const perBin = max > min ? bins / (max - min) : 0;
  for (const value of values) counts[Math.min(bins - 1, Math.floor((value - min) * perBin))]! += 1;
}

/** Shares of a range that are tried. */
const shares = Array.from({ length: 24 }, (_, i) => 1 - i / 32);

/**
 * The part of a range with the smallest squared error: what is outside is cut off, what is inside is rounded to one of
 * 255 steps. 0 stays inside.
 */
export function clip({ range, counts }: Histogram): Range {
  const width = (range.max - range.min) / bins;
  const errorOf = ({ min, max }: Range): number => {
    const rounding = ((max - min) / 255) ** 2 / 12;
    let error = 0;
    for (let i = 0; i < bins; i++) {
      const centre = range.min + (i + 0.5) * width;
      const cut = centre < min ? min - centre : centre > max ? centre - max : 0;
      error += counts[i]! * (cut * cut + rounding);
    }
    return error;
  };
  let best = { range, error: errorOf(range) };
  for (const low of range.min < 0 ? shares : [1]) {
    for (const high of range.max > 0 ? shares : [1]) {
      const tried = { min: low * range.min, max: high * range.max };
      const error = errorOf(tried);
      if (error < best.error) best = { range: tried, error };
    }
  }
  return best.range;
}

/** Gives each value of a network over some images to `see`, as ONNX Runtime computes it; returns how many images there were. */
async function eachValue(
  graph: Graph,
  { model }: { readonly model: Uint8Array },
  images: AsyncIterable<ProbeImages>,
  see: (value: string, numbers: Float32Array) => void,
): Promise<number> {
  const ort = await loadRuntime();
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const [height, width, channels] = graph.input.shape;
  let count = 0;
  try {
    for await (const some of images) {
      count += some.count;
      for (const image of onnxImages(some, { height, width, channels })) {
        see("image", image);
        const results = await session.run({ image: new ort.Tensor("float32", image, [1, channels, height, width]) });
        for (const [name, { data }] of Object.entries(results)) see(name, data as Float32Array);
      }
    }
    return count;
  } finally {
    await session.release();
  }
}

/** The range to store every value of a network with, from what it is over some images, and how many there were. */
export async function calibrate(
  graph: Graph,
  weights: Weights,
  images: () => AsyncIterable<ProbeImages>,
): Promise<{ readonly ranges: Ranges; readonly count: number }> {
  const { model, names } = toOnnxWithValues(graph, weights);
  const widest = new Map<string, Range>();
  const count = await eachValue(graph, { model }, images(), (value, numbers) => {
    widest.set(value, widen(widest.get(value) ?? nothing, numbers));
  });
  const histograms = new Map([...widest].map(([name, range]) => [name, { range, counts: new Float64Array(bins) }]));
  await eachValue(graph, { model }, images(), (value, numbers) => tally(histograms.get(value)!, numbers));
  const clipped = new Map([...histograms].map(([name, histogram]) => [name, clip(histogram)]));
  const ranges = new Map(graph.nodes.map(({ name }) => [name, clipped.get(names.get(name) ?? "image")!]));
  return { ranges, count };
}
