import type { Graph } from "../src/graph/graph.ts";
import type { Node } from "../src/graph/node.ts";
import { samePadding } from "../src/graph/ops.ts";

/*
 * The meaning of a graph, in float64 and one value at a time: slow, and obviously right. Values are
 * [batch, height, width, channels].
 */

export type Values = ReadonlyMap<string, ArrayLike<number>>;

export interface Run {
  readonly batch: number;
  readonly images: ArrayLike<number>;
  readonly weights: Values;
  /** Batch-norm uses the batch's statistics and dropout drops. */
  readonly training: boolean;
  /** Decides dropout. */
  readonly seed?: number;
}

export interface Interpreted {
  readonly logits: Float64Array;
  /** Mean and biased variance of each batch-norm's input, by the name of its node. */
  readonly statistics: ReadonlyMap<string, { readonly mean: Float64Array; readonly variance: Float64Array }>;
}

function scramble(x: number): number {
  let word = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) >>> 0;
}

const activations = {
  relu: (x: number) => Math.max(0, x),
  relu6: (x: number) => Math.min(6, Math.max(0, x)),
  hswish: (x: number) => (x * Math.min(6, Math.max(0, x + 3))) / 6,
  sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
};

export function interpret(graph: Graph, { batch, images, weights, training, seed = 0 }: Run): Interpreted {
  const values = new Map<Node, Float64Array>();
  const statistics = new Map<string, { mean: Float64Array; variance: Float64Array }>();

  const compute = (node: Node): Float64Array => {
    const [height, width, channels] = node.shape;
    const out = new Float64Array(batch * height * width * channels);
    const weight = (part: string): ArrayLike<number> => weights.get(`${node.name}.${part}`)!;
    const x = values.get(node.inputs[0]!)!;
    const [inputHeight, inputWidth, inputChannels] = node.inputs[0]?.shape ?? [0, 0, 0];
    /** Calls `visit` for each position of the output and each pixel of the input under its window. */
    const slide = (
      { kernel, stride }: { kernel: number; stride: number },
      visit: (output: number, input: number, tap: number) => void,
    ): void => {
      const top = samePadding(inputHeight, kernel, stride).before;
      const left = samePadding(inputWidth, kernel, stride).before;
      for (let n = 0; n < batch; n++)
        for (let i = 0; i < height; i++)
          for (let j = 0; j < width; j++)
            for (let ky = 0; ky < kernel; ky++)
              for (let kx = 0; kx < kernel; kx++) {
                const y = i * stride - top + ky;
                const z = j * stride - left + kx;
                if (y < 0 || y >= inputHeight || z < 0 || z >= inputWidth) continue;
                visit((n * height + i) * width + j, (n * inputHeight + y) * inputWidth + z, ky * kernel + kx);
              }
    };
    switch (node.op) {
      case "Input":
        return Float64Array.from(images);
      case "Conv": {
        const w = weight("weight");
        if (node.attrs.bias) out.forEach((_, i) => (out[i] = weight("bias")[i % channels]!));
        slide(node.attrs, (output, input, tap) => {
          for (let o = 0; o < channels; o++)
            for (let i = 0; i < inputChannels; i++)
              out[output * channels + o]! +=
                x[input * inputChannels + i]! * w[(tap * inputChannels + i) * channels + o]!;
        });
        return out;
      }
      case "DepthwiseConv": {
        const w = weight("weight");
        slide(node.attrs, (output, input, tap) => {
          for (let c = 0; c < channels; c++)
            out[output * channels + c]! += x[input * channels + c]! * w[tap * channels + c]!;
        });
        return out;
      }
      case "BatchNorm": {
        const rows = batch * height * width;
        const mean = new Float64Array(channels);
        const variance = new Float64Array(channels);
        x.forEach((value, i) => (mean[i % channels]! += value / rows));
        x.forEach((value, i) => (variance[i % channels]! += (value - mean[i % channels]!) ** 2 / rows));
        statistics.set(node.name, { mean, variance });
        const [m, v] = training ? [mean, variance] : [weight("mean"), weight("variance")];
        const [gamma, beta] = [weight("gamma"), weight("beta")];
        return out.map((_, i) => {
          const c = i % channels;
          return (gamma[c]! * (x[i]! - m[c]!)) / Math.sqrt(v[c]! + node.attrs.epsilon) + beta[c]!;
        });
      }
      case "Activation":
        return x.map(activations[node.attrs.function]);
      case "Scale": {
        const gate = values.get(node.inputs[1])!;
        return x.map(
          (value, i) => value * gate[Math.floor(i / (height * width * channels)) * channels + (i % channels)]!,
        );
      }
      case "Add":
        return x.map((value, i) => value + values.get(node.inputs[1])![i]!);
      case "AvgPool": {
        const count = new Float64Array(out.length / channels);
        slide(node.attrs, (output) => count[output]!++);
        slide(node.attrs, (output, input) => {
          for (let c = 0; c < channels; c++) out[output * channels + c]! += x[input * channels + c]! / count[output]!;
        });
        return out;
      }
      case "MaxPool":
        out.fill(-Infinity);
        slide(node.attrs, (output, input) => {
          for (let c = 0; c < channels; c++)
            out[output * channels + c] = Math.max(out[output * channels + c]!, x[input * channels + c]!);
        });
        return out;
      case "FitChannels":
        return out.map((_, i) =>
          i % channels < inputChannels ? x[Math.floor(i / channels) * inputChannels + (i % channels)]! : 0,
        );
      case "GlobalAvgPool": {
        const pixels = inputHeight * inputWidth;
        x.forEach(
          (value, i) => (out[Math.floor(i / (pixels * channels)) * channels + (i % channels)]! += value / pixels),
        );
        return out;
      }
      case "Dropout": {
        if (!training) return x;
        const padded = Math.ceil(channels / 8) * 8;
        const limit = node.attrs.rate * 2 ** 32;
        return x.map((value, i) => {
          const position = Math.floor(i / channels) * padded + (i % channels);
          return scramble((scramble(position ^ seed) + seed) | 0) < limit ? 0 : value / (1 - node.attrs.rate);
        });
      }
      case "Dense": {
        const [w, bias] = [weight("weight"), weight("bias")];
        return out.map((_, i) => {
          const n = Math.floor(i / channels);
          let sum = bias[i % channels]!;
          for (let c = 0; c < inputChannels; c++) sum += x[n * inputChannels + c]! * w[c * channels + (i % channels)]!;
          return sum;
        });
      }
    }
  };
  for (const node of graph.nodes) values.set(node, compute(node));
  return { logits: values.get(graph.output)!, statistics };
}

/** Mean cross-entropy with label smoothing. */
export function crossEntropy(logits: Float64Array, labels: ArrayLike<number>, smoothing: number): number {
  const batch = labels.length;
  const classes = logits.length / batch;
  let loss = 0;
  for (let n = 0; n < batch; n++) {
    const row = logits.subarray(n * classes, (n + 1) * classes);
    const top = Math.max(...row);
    const logSum = top + Math.log(row.reduce((sum, z) => sum + Math.exp(z - top), 0));
    row.forEach(
      (z, k) => (loss += (((k === labels[n] ? 1 - smoothing : 0) + smoothing / classes) * (logSum - z)) / batch),
    );
  }
  return loss;
}
