import { createGaussianProcess, type GaussianProcess, type Kernel, type Point } from "./gaussian-process.ts";

const decays = [0.05, 0.1, 0.2, 0.4, 0.8];
const linears = [0, 0.3, 2];

/** Noise in units of the variance of a value. Accuracies of one network differ by their seeds; latencies hardly do. */
export const accuracyNoises: readonly number[] = [0.003, 0.01, 0.03, 0.1, 0.3];
export const latencyNoises: readonly number[] = [1e-5, 1e-4, 1e-3, 1e-2, 0.1];

/** Points by which the kernel is chosen at most: choosing takes the cube of their number. */
const mostForChoice = 128;

/** The kernel under which the first values are the least surprising. */
function chooseKernel(points: readonly Point[], values: readonly number[], noises: readonly number[]): Kernel {
  let best: { readonly kernel: Kernel; readonly likelihood: number } | null = null;
  for (const decay of decays) {
    for (const linear of linears) {
      for (const noise of noises) {
        const kernel = { decay, linear, noise };
        const process = createGaussianProcess(kernel);
        points.forEach((point, i) => process.add(point, values[i]!));
        const likelihood = process.logLikelihood();
        if (best === null || likelihood > best.likelihood) best = { kernel, likelihood };
      }
    }
  }
  return best!.kernel;
}

/** A Gaussian process that chooses its kernel again whenever it has twice as many points, up to {@link mostForChoice}. */
export interface Model extends Pick<GaussianProcess, "count" | "means" | "predict"> {
  add(point: Point, value: number): void;
}

export function createModel(noises: readonly number[]): Model {
  const process = createGaussianProcess({ decay: 0.2, linear: 0.3, noise: noises[2]! });
  const points: Point[] = [];
  const values: number[] = [];
  return {
    get count() {
      return process.count;
    },
    add(point, value) {
      process.add(point, value);
      if (points.length === mostForChoice) return;
      points.push(point);
      values.push(value);
      const { length } = points;
      if (length >= 8 && (length & (length - 1)) === 0) process.refit(chooseKernel(points, values, noises));
    },
    means: (asked) => process.means(asked),
    predict: (asked) => process.predict(asked),
  };
}
