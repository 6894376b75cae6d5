/** Adam's running means of the gradient and of its square (https://arxiv.org/abs/1412.6980). */
export interface Adam {
  /** Moves `weights` one step down `gradient`; both have the size that Adam was made for. */
  step(weights: Float64Array, gradient: Float64Array): void;
}

export function createAdam(size: number, learningRate: number, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8): Adam {
  const mean = new Float64Array(size);
  const square = new Float64Array(size);
  let bias1 = 1;
  let bias2 = 1;
  return {
    step(weights, gradient) {
      bias1 *= beta1;
      bias2 *= beta2;
      const rate = learningRate / (1 - bias1);
      for (let i = 0; i < size; i++) {
        const g = gradient[i]!;
        const m = beta1 * mean[i]! + (1 - beta1) * g;
        const s = beta2 * square[i]! + (1 - beta2) * g * g;
        mean[i] = m;
        square[i] = s;
        weights[i]! -= (rate * m) / (Math.sqrt(s / (1 - bias2)) + epsilon);
      }
    },
  };
}
