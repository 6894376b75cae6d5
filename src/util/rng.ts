import { log } from "./math.ts";

/** A stream of random numbers decided by its seed alone. */
export interface Rng {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform integer in [0, n). */
  int(n: number): number;
  pick<T>(items: readonly T[]): T;
  /** Standard normal. */
  normal(): number;
  /** Shuffles in place and returns the same array. */
  shuffle<T extends { length: number; [i: number]: unknown }>(items: T): T;
  /** An independent stream named by `label`; it does not depend on how much of this one was used. */
  fork(label: string | number): Rng;
}

/** Four 32-bit words that depend on every character of the text. */
function hash(text: string): [number, number, number, number] {
  const h: [number, number, number, number] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0xdeadbeef];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    h[0] = Math.imul(h[0] ^ code, 0x85ebca6b);
    h[1] = Math.imul(h[1] ^ (code + (h[0] >>> 13)), 0xc2b2ae35);
    h[2] = Math.imul(h[2] ^ (code + (h[1] >>> 15)), 0x27d4eb2f);
    h[3] = Math.imul(h[3] ^ (code + (h[2] >>> 16)), 0x165667b1);
  }
  return h;
}

/** xoshiro128** (https://prng.di.unimi.it), seeded by hashing `seed`. */
export function createRng(seed: string | number): Rng {
  const path = String(seed);
  let [a, b, c, d] = hash(path);

  const uint32 = (): number => {
    const x = Math.imul(b, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result;
  };
  for (let i = 0; i < 20; i++) uint32();

  const next = (): number => ((uint32() >>> 5) * 67108864 + (uint32() >>> 6)) / 9007199254740992;
  const int = (n: number): number => Math.floor(next() * n);
  return {
    next,
    int,
    pick: <T>(items: readonly T[]): T => {
      if (items.length === 0) throw new RangeError("Cannot pick from an empty list");
      return items[int(items.length)] as T;
    },
    normal: () => {
      // Marsaglia's polar method needs no trigonometry.
      for (;;) {
        const x = 2 * next() - 1;
        const y = 2 * next() - 1;
        const s = x * x + y * y;
        if (s > 0 && s < 1) return x * Math.sqrt((-2 * log(s)) / s);
      }
    },
    shuffle: (items) => {
      for (let i = items.length - 1; i > 0; i--) {
        const j = int(i + 1);
        [items[i], items[j]] = [items[j], items[i]];
      }
      return items;
    },
    fork: (label) => createRng(`${path}/${label}`),
  };
}
