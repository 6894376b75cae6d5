/*
 * Updates of a run of float32 weights; `bytes` is a multiple of 32. `decay` is that of weights (L2), added to the gradient.
 */

/** Momentum as PyTorch has it: v = momentum·v + g; w -= rate·(g + momentum·v) with Nesterov, rate·v without. */
export function sgd(
  w: usize,
  g: usize,
  v: usize,
  bytes: usize,
  rate: f32,
  momentum: f32,
  decay: f32,
  nesterov: i32,
): void {
  const m = f32x4.splat(momentum),
    l = f32x4.splat(rate),
    d = f32x4.splat(decay);
  for (let i: usize = 0; i < bytes; i += 16) {
    const weight = v128.load(w + i);
    const gradient = f32x4.add(v128.load(g + i), f32x4.mul(weight, d));
    const velocity = f32x4.add(f32x4.mul(v128.load(v + i), m), gradient);
    v128.store(v + i, velocity);
    const step = nesterov ? f32x4.add(gradient, f32x4.mul(velocity, m)) : velocity;
    v128.store(w + i, f32x4.sub(weight, f32x4.mul(step, l)));
  }
}

/** TensorFlow's RMSProp: s = keep·s + (1 - keep)·g²; v = momentum·v + rate·g / √(s + epsilon); w -= v. */
export function rmsprop(
  w: usize,
  g: usize,
  v: usize,
  s: usize,
  bytes: usize,
  rate: f32,
  keep: f32,
  momentum: f32,
  epsilon: f32,
  decay: f32,
): void {
  const m = f32x4.splat(momentum),
    l = f32x4.splat(rate),
    d = f32x4.splat(decay),
    e = f32x4.splat(epsilon);
  const k = f32x4.splat(keep),
    rest = f32x4.splat(1 - keep);
  for (let i: usize = 0; i < bytes; i += 16) {
    const weight = v128.load(w + i);
    const gradient = f32x4.add(v128.load(g + i), f32x4.mul(weight, d));
    const square = f32x4.add(f32x4.mul(v128.load(s + i), k), f32x4.mul(f32x4.mul(gradient, gradient), rest));
    const step = f32x4.div(f32x4.mul(gradient, l), f32x4.sqrt(f32x4.add(square, e)));
    const velocity = f32x4.add(f32x4.mul(v128.load(v + i), m), step);
    v128.store(s + i, square);
    v128.store(v + i, velocity);
    v128.store(w + i, f32x4.sub(weight, velocity));
  }
}

/** Moving average: average += (w - average)·(1 - keep). */
export function average(w: usize, into: usize, bytes: usize, keep: f32): void {
  const rest = f32x4.splat(1 - keep);
  for (let i: usize = 0; i < bytes; i += 16) {
    const old = v128.load(into + i);
    v128.store(into + i, f32x4.add(old, f32x4.mul(f32x4.sub(v128.load(w + i), old), rest)));
  }
}

/** Exchanges two runs of memory. */
export function swap(a: usize, b: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    const x = v128.load(a + i);
    v128.store(a + i, v128.load(b + i));
    v128.store(b + i, x);
  }
}
