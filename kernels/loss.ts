import { Tensor } from "./tensor";

/** `e^x` in float64 for x <= 0; platform functions differ in their last bits. */
function exp(x: f64): f64 {
  if (x < -700) return 0;
  const k = nearest(x * 1.4426950408889634);
  const r = x - k * 6.9314718036912381649e-1 - k * 1.90821492927058770002e-10;
  let sum: f64 = 1;
  for (let n = 13; n >= 1; n--) sum = 1 + (r / <f64>n) * sum;
  return sum * reinterpret<f64>((<i64>k + 1023) << 52);
}

/** Natural logarithm of x >= 1. */
function log(x: f64): f64 {
  const bits = reinterpret<i64>(x);
  let k = (bits >> 52) - 1023;
  let m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  if (m > 1.4142135623730951) {
    m /= 2;
    k += 1;
  }
  const s = (m - 1) / (m + 1);
  const s2 = s * s;
  let sum: f64 = 0;
  for (let n = 23; n >= 1; n -= 2) sum = sum * s2 + 1 / <f64>n;
  return <f64>k * 0.6931471805599453 + 2 * s * sum;
}

/**
 * Softmax cross-entropy, mean over the batch, with label smoothing; writes the gradient of the logits. Correct answers
 * are counted into `correct` (an i32).
 */
export function lossForward(logits: Tensor, labels: usize, classes: i32, smoothing: f32, correct: usize): f64 {
  const batch = logits.batch;
  const low = <f64>smoothing / <f64>classes;
  const high = 1 - <f64>smoothing + low;
  let total: f64 = 0;
  let hits = 0;
  for (let n = 0; n < batch; n++) {
    const row = logits.value + <usize>n * logits.stride;
    const gradient = logits.gradient + <usize>n * logits.stride;
    const label = load<i32>(labels + ((<usize>n) << 2));
    let best = 0;
    for (let k = 1; k < classes; k++) if (load<f32>(row + 4 * k) > load<f32>(row + 4 * best)) best = k;
    if (best == label) hits += 1;
    const top = <f64>load<f32>(row + 4 * best);
    let sum: f64 = 0;
    let margin: f64 = 0;
    for (let k = 0; k < classes; k++) {
      const z = <f64>load<f32>(row + 4 * k) - top;
      sum += exp(z);
      margin += (k == label ? high : low) * z;
    }
    total += log(sum) - margin;
    for (let k = 0; k < classes; k++) {
      const share = exp(<f64>load<f32>(row + 4 * k) - top) / sum;
      store<f32>(gradient + 4 * k, <f32>((share - (k == label ? high : low)) / batch));
    }
    memory.fill(gradient + 4 * classes, 0, logits.stride - 4 * classes);
  }
  store<i32>(correct, hits);
  return total / batch;
}
