import { leastRuns, isKnown, summarize, warmUp, type Timing, type TimingOptions } from "./protocol.ts";
import { median } from "./statistics.ts";

/*
 * A core of a shared machine has a neighbour, who takes up to half of its speed and comes and goes within hundredths of a
 * second. So runs are timed in slices of a few milliseconds, each between two looks at the pace: what a model that does
 * nothing takes now. Slices beside which it takes more than it can are disturbed, and do not count.
 */

/** Shorter than most of a neighbour's pauses, and much longer than a look at the pace. */
const sliceMs = 5;
/** A slice is disturbed when the model that does nothing takes this many times what it can take. */
const isSlow = 1.15;
/** How fast a machine that stays slower, for example because it is hot, is taken to be so. */
const patience = 1.03;
/** Each session lays out its memory anew, which alone changes times by some percent; so the runs are of several. */
const rounds = 3;
/** How long it is waited for calm slices, as a multiple of the time that they are to take. */
const longest = 10;
/** What share of the wanted time must be calm for the device to be called stable. */
const calmShare = 1 / 3;
/** After so many disturbed slices another core may be better. */
const mostDisturbed = 4;

/** What is timed, and beside what. */
export interface Sliced {
  /** Calls `work` with runs of a new session of the model. */
  readonly withSession: (work: (run: () => Promise<unknown>) => Promise<void>) => Promise<void>;
  /** Calls the runtime with the values of the model, and a model that does nothing. */
  readonly idle: () => Promise<unknown>;
  /** What a model that does nothing takes now, always the same one, in milliseconds. */
  readonly pace: () => Promise<number>;
  /** Looks for a core that is less disturbed. */
  readonly move: () => Promise<void>;
}

interface Slice {
  readonly samples: readonly number[];
  readonly overheads: readonly number[];
  readonly ms: number;
  /** The slower of the looks before and after. */
  readonly paceMs: number;
}

const idleRuns = 5;
const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const runsOf = (slices: readonly Slice[]): number => total(slices.map(({ samples }) => samples.length));
const timeOf = (slices: readonly Slice[]): number => total(slices.map(({ ms }) => ms));
const samplesOf = (slices: readonly Slice[]): number[] => slices.flatMap(({ samples }) => samples);

/** Times models in slices; remembers what the pace of this machine can be. */
export function createSlicer(now: () => number = () => performance.now()) {
  let canMs = Infinity;

  const time = async (work: () => Promise<unknown>): Promise<number> => {
    const start = now();
    await work();
    return now() - start;
  };

  const takeSlice = async (
    run: () => Promise<unknown>,
    idle: () => Promise<unknown>,
  ): Promise<Omit<Slice, "paceMs">> => {
    const samples: number[] = [];
    const start = now();
    do samples.push(await time(run));
    while (now() - start < sliceMs);
    const ms = now() - start;
    const overheads: number[] = [];
    while (overheads.length < idleRuns) overheads.push(await time(idle));
    return { samples, overheads, ms };
  };

  /**
   * Times a model until enough of its slices were calm.
   *
   * @returns its times and those of a call, of calm slices; of the calmest when too few were, and then `isUnstable`.
   */
  return async ({ withSession, idle, pace, move }: Sliced, options: TimingOptions) => {
    const { loadMs = 0, warmupMs = 100, minMs = 300, maxMs = 600, tolerance = 0.01, minRuns = leastRuns } = options;
    const slices: Slice[] = [];
    const calm = (): Slice[] => slices.filter(({ paceMs }) => paceMs <= isSlow * canMs);
    const longestMs = Math.max(maxMs, longest * minMs);
    let warmup = 0;
    const began = now();

    for (let round = 1; round <= rounds; round++) {
      const share = round / rounds;
      await withSession(async (run) => {
        warmup += await warmUp(run, { loadMs: round === 1 ? loadMs : 0, warmupMs: warmupMs / rounds }, now);
        let beforeMs = await pace();
        let [disturbed, hasLooked] = [0, false];
        const hasPassed = (ms: number): boolean =>
          now() - began - loadMs > share * ms && runsOf(slices) >= share * minRuns;
        const isEnough = (): boolean => {
          const kept = calm();
          if (runsOf(kept) < share * minRuns || timeOf(kept) < share * minMs) return false;
          // Looking at the samples takes time and caches, so it is done once.
          if (hasLooked) return hasPassed(maxMs);
          hasLooked = true;
          return isKnown(samplesOf(kept), tolerance);
        };
        while (!isEnough() && !hasPassed(longestMs)) {
          const slice = await takeSlice(run, idle);
          const afterMs = await pace();
          const paceMs = Math.max(beforeMs, afterMs);
          slices.push({ ...slice, paceMs });
          canMs = Math.min(canMs, beforeMs, afterMs);
          beforeMs = afterMs;
          disturbed = paceMs > isSlow * canMs ? disturbed + 1 : 0;
          if (disturbed < mostDisturbed) continue;
          await move();
          beforeMs = await pace();
          disturbed = 0;
        }
      });
    }

    const suffice = (some: readonly Slice[]): boolean => runsOf(some) >= minRuns && timeOf(some) >= calmShare * minMs;
    let kept = calm();
    const isUnstable = !suffice(kept);
    if (isUnstable) {
      const calmest = slices.toSorted((a, b) => a.paceMs - b.paceMs);
      kept = [];
      while (!suffice(kept) && kept.length < calmest.length) kept.push(calmest[kept.length]!);
      canMs *= patience;
    }
    const timing: Timing = summarize([{ samples: samplesOf(kept), warmup }]);
    return { timing, overheadMs: median(kept.flatMap(({ overheads }) => overheads)), isUnstable };
  };
}
