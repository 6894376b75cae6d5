import { HSWISH, RELU, RELU6 } from "./tensor";

/*
 * `f` is always a constant where these are inlined, so only one branch remains. `pmax(z, 0)` is one instruction and
 * keeps a NaN, so that a diverged network is noticed; `max` is six.
 */

// @ts-ignore: decorator
@inline
export function activate(z: v128, f: i32): v128 {
  if (f == RELU) return f32x4.pmax(z, f32x4.splat(0));
  if (f == RELU6) return f32x4.pmin(f32x4.pmax(z, f32x4.splat(0)), f32x4.splat(6));
  if (f == HSWISH) {
    const gate = f32x4.pmin(f32x4.pmax(f32x4.add(z, f32x4.splat(3)), f32x4.splat(0)), f32x4.splat(6));
    return f32x4.mul(f32x4.mul(z, gate), f32x4.splat(0.16666667));
  }
  return z;
}

/** Gradient at `z`, the activation's input, given the gradient of its output. */
// @ts-ignore: decorator
@inline
export function slope(z: v128, gradient: v128, f: i32): v128 {
  if (f == RELU) return v128.and(gradient, f32x4.gt(z, f32x4.splat(0)));
  if (f == RELU6) return v128.and(gradient, v128.and(f32x4.gt(z, f32x4.splat(0)), f32x4.lt(z, f32x4.splat(6))));
  if (f == HSWISH) {
    const middle = v128.and(f32x4.add(f32x4.mul(z, f32x4.splat(0.33333334)), f32x4.splat(0.5)), f32x4.gt(z, f32x4.splat(-3)));
    return f32x4.mul(gradient, v128.bitselect(f32x4.splat(1), middle, f32x4.ge(z, f32x4.splat(3))));
  }
  return gradient;
}

/** `e^x` for x <= 0, to 2e-7 relative; 0 below -87. */
// @ts-ignore: decorator
@inline
function expNegative(x: v128): v128 {
  const bounded = f32x4.max(x, f32x4.splat(-87));
  const n = f32x4.nearest(f32x4.mul(bounded, f32x4.splat(1.44269504)));
  // ln 2 in two parts, so that the remainder keeps all its bits.
  let r = f32x4.sub(bounded, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let sum = f32x4.splat(1.0 / 720);
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1.0 / 120));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1.0 / 24));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1.0 / 6));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(0.5));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1));
  const power = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(sum, power);
}

/** Logistic function. */
// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  const e = expNegative(f32x4.neg(f32x4.abs(x)));
  const one = f32x4.splat(1);
  const small = f32x4.div(e, f32x4.add(one, e));
  return v128.bitselect(f32x4.sub(one, small), small, f32x4.ge(x, f32x4.splat(0)));
}
