import { Tensor } from "./tensor";

/** Parameters and running statistics of one batch-norm, float32 [channels] each. */
@unmanaged
export class Norm {
  gamma: usize;
  beta: usize;
  mean: usize;
  variance: usize;
  dGamma: usize;
  dBeta: usize;
  /** Of the batch: mean, and 1 / standard deviation. */
  batchMean: usize;
  inverse: usize;
  epsilon: f32;
  /** Share of the running statistics kept at each step. */
  momentum: f32;
}

/** Scale and shift from the batch's sums; running statistics move towards the batch's (its variance unbiased). */
export function normForward(t: Tensor, n: Norm): void {
  const count = <f64>t.rows;
  const second: usize = 2 * t.stride;
  const correction = count > 1 ? count / (count - 1) : 1;
  for (let c: usize = 0; c < t.stride; c += 4) {
    const mean = load<f64>(t.sums + 2 * c) / count;
    const variance = max<f64>(0, load<f64>(t.sums + second + 2 * c) / count - mean * mean);
    const inverse = 1 / Math.sqrt(variance + n.epsilon);
    const scale = load<f32>(n.gamma + c) * inverse;
    store<f32>(t.scale + c, <f32>scale);
    store<f32>(t.shift + c, <f32>(load<f32>(n.beta + c) - mean * scale));
    store<f32>(n.batchMean + c, <f32>mean);
    store<f32>(n.inverse + c, <f32>inverse);
    const kept = <f64>n.momentum;
    store<f32>(n.mean + c, <f32>(kept * load<f32>(n.mean + c) + (1 - kept) * mean));
    store<f32>(n.variance + c, <f32>(kept * load<f32>(n.variance + c) + (1 - kept) * variance * correction));
  }
}

/** Scale and shift from the running statistics. */
export function normInference(t: Tensor, n: Norm): void {
  for (let c: usize = 0; c < t.stride; c += 4) {
    const scale = <f64>load<f32>(n.gamma + c) / Math.sqrt(<f64>load<f32>(n.variance + c) + n.epsilon);
    store<f32>(t.scale + c, <f32>scale);
    store<f32>(t.shift + c, <f32>(load<f32>(n.beta + c) - load<f32>(n.mean + c) * scale));
  }
}

/**
 * Gradients of gamma and beta, and p, q, r of `d raw = dz·p + raw·q + r`, from Σ dz and Σ dz·raw: batch-norm's backward
 * pass is linear in dz and raw for each channel.
 */
export function normBackward(t: Tensor, n: Norm): void {
  const count = <f64>t.rows;
  const second: usize = 2 * t.stride;
  for (let c: usize = 0; c < t.stride; c += 4) {
    const mean = <f64>load<f32>(n.batchMean + c),
      inverse = <f64>load<f32>(n.inverse + c);
    const sum = load<f64>(t.sums + 2 * c);
    const along = inverse * (load<f64>(t.sums + second + 2 * c) - mean * sum);
    const p = <f64>load<f32>(n.gamma + c) * inverse;
    store<f32>(n.dBeta + c, <f32>sum);
    store<f32>(n.dGamma + c, <f32>along);
    store<f32>(t.p + c, <f32>p);
    store<f32>(t.q + c, <f32>((-p * inverse * along) / count));
    store<f32>(t.r + c, <f32>((p * (mean * inverse * along - sum)) / count));
  }
}
