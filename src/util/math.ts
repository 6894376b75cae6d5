/*
 * ECMAScript leaves the last bits of Math.exp, Math.log, Math.cos and Math.tanh to the platform. A search must give the
 * same networks and the same accuracies everywhere, so these use only + - * / and sqrt, which IEEE 754 fixes.
 */

const ln2High = 6.9314718036912381649e-1;
const ln2Low = 1.90821492927058770002e-10;
const view = new DataView(new ArrayBuffer(8));

/** `2^k` for an integer `k` in -1022..1023, exact. */
function pow2(k: number): number {
  view.setUint32(0, (k + 1023) << 20);
  view.setUint32(4, 0);
  return view.getFloat64(0);
}

/** `e^x` to about 1 ulp; the same bits on every machine. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return NaN;
  if (x > 709.78) return Infinity;
  if (x < -708) return 0;
  const k = Math.round(x / Math.LN2);
  const r = x - k * ln2High - k * ln2Low;
  let sum = 1;
  for (let n = 14; n >= 1; n--) sum = 1 + (r / n) * sum;
  return k > 1000 ? sum * pow2(1000) * pow2(k - 1000) : sum * pow2(k);
}

/** Natural logarithm of a positive normal number; the same bits on every machine. */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : NaN;
  if (x === Infinity) return Infinity;
  if (x < 2.2250738585072014e-308) return log(x * pow2(60)) - 60 * Math.LN2;
  view.setFloat64(0, x);
  let k = ((view.getUint32(0) >>> 20) & 0x7ff) - 1023;
  view.setUint32(0, (view.getUint32(0) & 0x000fffff) | 0x3ff00000);
  let m = view.getFloat64(0);
  if (m > Math.SQRT2) {
    m /= 2;
    k += 1;
  }
  const s = (m - 1) / (m + 1);
  const s2 = s * s;
  let sum = 0;
  for (let n = 23; n >= 1; n -= 2) sum = sum * s2 + 1 / n;
  return k * ln2High + (2 * s * sum + k * ln2Low);
}

/** `a^b` for positive `a`. */
export const pow = (a: number, b: number): number => exp(b * log(a));

/** Logistic function `1 / (1 + e^-x)`. */
export const sigmoid = (x: number): number => (x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x)));

/** Hyperbolic tangent. */
export function tanh(x: number): number {
  const e = exp(-2 * Math.abs(x));
  const t = (1 - e) / (1 + e);
  return x < 0 ? -t : t;
}

/** Cosine of an angle in -pi..pi, in radians. */
export function cos(x: number): number {
  // cos x = 2 cos²(x/2) - 1 keeps the series short.
  const h = (x / 4) * (x / 4);
  let c = 1;
  for (let n = 20; n >= 2; n -= 2) c = 1 - (h / (n * (n - 1))) * c;
  c = 2 * c * c - 1;
  return 2 * c * c - 1;
}
