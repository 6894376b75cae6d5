import { isKnown, leastRuns, summarize, timerOf, warmUp, type TimingOptions } from "./protocol.ts";
import { median } from "./statistics.ts";

/*
 * A core of a shared machine has a neighbour, who takes up to half of its speed and comes and goes within hundredths of a
 * second. So runs are timed in slices of a few milliseconds, each between two looks at the pace: what a model that does
 * nothing takes now. Slices beside which it takes more than it can are disturbed, and do not count. A run that takes longer
 * is a slice of its own, of which the looks say less.
 */

/** Shorter than most of a neighbour's pauses, and much longer than a look at the pace. */
const sliceMs = 5;
/** A slice is disturbed when the model that does nothing takes this many times what it can take. */
const isSlow = 1.15;
/** How fast a machine that stays slower, for example because it is hot, is taken to be so. */
const patience = 1.03;
/** Each session lays out its memory anew, which alone changes times by some percent; so the runs are of several. */
const rounds = 3;
/** Of how many sessions there must be calm slices. */
const leastSessions = 2;
/** How long it is waited for calm slices, as a multiple of the time or of the runs that they are to have. */
const longest = { time: 10, runs: 3 };
/** What share of the wanted time must be calm for the device to be called stable. */
const calmShare = 1 / 3;
/** After so many disturbed slices another core may be better. */
const mostDisturbed = 4;
const idleRuns = 5;

type Run = () => Promise<unknown>;

/** What is timed, and beside what. */
export interface Sliced {
  /** Calls `work` with runs of a new session of the model. */
  readonly withSession: (work: (run: Run) => Promise<void>) => Promise<void>;
  /** Calls the runtime with the values of the model, and a model that does nothing. */
  readonly idle: Run;
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

type Wanted = Required<Pick<TimingOptions, "minMs" | "maxMs" | "minRuns" | "tolerance">>;

const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const runsOf = (slices: readonly Slice[]): number => total(slices.map(({ samples }) => samples.length));
const timeOf = (slices: readonly Slice[]): number => total(slices.map(({ ms }) => ms));
const samplesOf = (slices: readonly Slice[]): number[] => slices.flatMap(({ samples }) => samples);

/** Times models in slices; remembers what the pace of this machine can be. */
export function createSlicer(now: () => number = () => performance.now()) {
  let canMs = Infinity;
  const isCalm = ({ paceMs }: Slice): boolean => paceMs <= isSlow * canMs;

  const takeSlice = async (run: Run, idle: Run): Promise<Omit<Slice, "paceMs">> => {
    const [time, timeIdle] = [timerOf(run, now), timerOf(idle, now)];
    const samples: number[] = [];
    const start = now();
    do samples.push(await time());
    while (now() - start < sliceMs);
    const ms = now() - start;
    const overheads: number[] = [];
    while (overheads.length < idleRuns) overheads.push(await timeIdle());
    return { samples, overheads, ms };
  };

  /** Slices of one session, until enough of them were calm, or it took too long. */
  const takeSlices = async (run: Run, { idle, pace, move }: Sliced, wanted: Wanted): Promise<Slice[]> => {
    const { minMs, maxMs, minRuns, tolerance } = wanted;
    const slices: Slice[] = [];
    const start = now();
    let hasLooked = false;
    const isEnough = (): boolean => {
      const calm = slices.filter(isCalm);
      if (runsOf(calm) < minRuns || timeOf(calm) < minMs) return false;
      // Looking at the samples takes time and caches, so it is done once.
      if (hasLooked) return now() - start >= maxMs;
      hasLooked = true;
      return isKnown(samplesOf(calm), tolerance);
    };
    const isLate = (): boolean => {
      if (runsOf(slices) < minRuns) return false;
      const fewestRunsMs = minRuns * Math.min(...slices.map(({ ms, samples }) => ms / samples.length));
      return now() - start >= Math.max(maxMs, longest.time * minMs, longest.runs * fewestRunsMs);
    };
    let beforeMs = await pace();
    for (let disturbed = 0; !isEnough() && !isLate();) {
      const slice = await takeSlice(run, idle);
      const afterMs = await pace();
      slices.push({ ...slice, paceMs: Math.max(beforeMs, afterMs) });
      canMs = Math.min(canMs, beforeMs, afterMs);
      beforeMs = afterMs;
      disturbed = isCalm(slices.at(-1)!) ? 0 : disturbed + 1;
      if (disturbed < mostDisturbed) continue;
      await move();
      // Its caches are not those of the core before.
      await run();
      beforeMs = await pace();
      disturbed = 0;
    }
    return slices;
  };

  /**
   * Times a model until enough of its slices were calm.
   *
   * @param options `maxMs` is how long it may take when nothing disturbs.
   * @returns its times and those of a call, of calm slices; of the calmest when too few were, and then `isUnstable`.
   */
  return async (sliced: Sliced, options: Omit<TimingOptions, "signal">) => {
    const { loadMs = 0, warmupMs = 100, minMs = 300, maxMs = 600, tolerance = 0.01, minRuns = leastRuns } = options;
    const share = { minMs: minMs / rounds, maxMs: maxMs / rounds, minRuns: Math.ceil(minRuns / rounds), tolerance };
    if (canMs === Infinity || (await sliced.pace()) > isSlow * canMs) await sliced.move();
    const sessions: Slice[][] = [];
    let warmup = 0;
    while (sessions.length < rounds) {
      const load = sessions.length === 0 ? loadMs : 0;
      await sliced.withSession(async (run) => {
        warmup += await warmUp(run, { loadMs: load, warmupMs: warmupMs / rounds }, now);
        sessions.push(await takeSlices(run, sliced, share));
      });
    }

    const suffice = (some: readonly Slice[]): boolean => runsOf(some) >= minRuns && timeOf(some) >= calmShare * minMs;
    const slices = sessions.flat().sort((a, b) => a.paceMs - b.paceMs);
    const calm = slices.filter(isCalm);
    const isUnstable = !suffice(calm) || sessions.filter((one) => one.some(isCalm)).length < leastSessions;
    if (calm.length === 0) canMs *= patience;
    const calmest: Slice[] = [];
    while (!suffice(calmest) && calmest.length < slices.length) calmest.push(slices[calmest.length]!);
    const kept = isUnstable ? calmest : calm;
    const timing = summarize([{ samples: samplesOf(kept), warmup }]);
    return { timing, overheadMs: median(kept.flatMap(({ overheads }) => overheads)), isUnstable };
  };
}
