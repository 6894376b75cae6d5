import { breathe } from "../util/async.ts";

/** Threads that train one network together, in step. Each calls the same methods in the same order. */
export interface Team {
  /** Of this thread, below `size`. */
  readonly rank: number;
  readonly size: number;
  /**
   * Replaces each value of the arrays by its mean over the team, and returns the sums of the figures. Sums are taken in
   * the order of ranks, whoever comes first.
   */
  combine(arrays: readonly Float32Array[], figures: readonly number[]): Promise<number[]>;
}

/** A team of one: nothing is shared. */
export const alone: Team = {
  rank: 0,
  size: 1,
  combine: (_, figures) => Promise.resolve([...figures]),
};

/** Memory through which a team combines; given to each of its threads. */
export interface TeamMemory {
  readonly size: number;
  /** How many have arrived, and how often all had. */
  readonly barrier: SharedArrayBuffer;
  /** What each thread brings: `length` values a thread, then the means. */
  readonly values: SharedArrayBuffer;
  readonly figures: SharedArrayBuffer;
  readonly length: number;
}

const mostFigures = 2;
/** Between two looks at what else has happened, such as the end of another thread. */
const patienceMs = 20;

/** Memory for a team that combines up to `length` values at a time. */
export const createTeamMemory = (size: number, length: number): TeamMemory => ({
  size,
  barrier: new SharedArrayBuffer(8),
  values: new SharedArrayBuffer(4 * length * (size + 1)),
  figures: new SharedArrayBuffer(8 * mostFigures * size),
  length,
});

/**
 * Joins a team. `combine` rejects with the signal's reason when that is aborted, which must be when a thread of the team
 * has ended: the others would wait for it.
 */
export function joinTeam({ size, length, ...memory }: TeamMemory, rank: number, signal?: AbortSignal): Team {
  const barrier = new Int32Array(memory.barrier);
  const brought = Array.from({ length: size }, (_, r) => new Float32Array(memory.values, 4 * length * r, length));
  const means = new Float32Array(memory.values, 4 * length * size, length);
  const figuresOf = Array.from(
    { length: size },
    (_, r) => new Float64Array(memory.figures, 8 * mostFigures * r, mostFigures),
  );
  const [mine, myFigures] = [brought[rank]!, figuresOf[rank]!];

  /** Waits until all are here. */
  const meet = async (): Promise<void> => {
    const round = Atomics.load(barrier, 1);
    if (Atomics.add(barrier, 0, 1) + 1 === size) {
      Atomics.store(barrier, 0, 0);
      Atomics.add(barrier, 1, 1);
      Atomics.notify(barrier, 1);
      return;
    }
    while (Atomics.wait(barrier, 1, round, patienceMs) === "timed-out") {
      await breathe();
      signal?.throwIfAborted();
    }
  };

  return {
    rank,
    size,
    async combine(arrays, figures) {
      let end = 0;
      for (const array of arrays) {
        mine.set(array, end);
        end += array.length;
      }
      myFigures.set(figures);
      await meet();
      const sums = figures.map((_, i) => figuresOf.reduce((sum, values) => sum + values[i]!, 0));
      // Each thread adds up its part of the values, and leaves it to all.
      const first = Math.floor((end * rank) / size);
      const last = Math.floor((end * (rank + 1)) / size);
      addUp(brought, means, first, last);
      await meet();
      let at = 0;
      for (const array of arrays) {
        array.set(means.subarray(at, at + array.length));
        at += array.length;
      }
      return sums;
    },
  };
}

/** Means of the values from `first` to `last`, summed in the order of the arrays. */
function addUp(arrays: readonly Float32Array[], means: Float32Array, first: number, last: number): void {
  // A block at a time, so that it stays in the cache.
  const sums = new Float64Array(1024);
  for (let from = first; from < last; from += sums.length) {
    const count = Math.min(sums.length, last - from);
    sums.fill(0);
    for (const values of arrays) for (let i = 0; i < count; i++) sums[i]! += values[from + i]!;
    for (let i = 0; i < count; i++) means[from + i] = sums[i]! / arrays.length;
  }
}
