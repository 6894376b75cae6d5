import type { Latency, Timing } from "../../latency.ts";
import { leastRuns, summarize } from "../protocol.ts";
import { Misbehaviour } from "./channel.ts";
import type { Job, Measured, Result } from "./messages.ts";

/** What a measurement says that does not name the device. */
export type RemoteTiming = Timing & Pick<Latency, "overheadMs" | "isUnstable">;

/** Below this, a model cannot be told from the call itself. */
const resolutionMs = 1e-4;
/** Clocks of two machines may differ by so much. */
const clockShare = 1.05;
const clockMs = 50;

const check = (holds: boolean, problem: string): void => {
  if (!holds) throw new Misbehaviour(problem);
};

/** Runs cannot have taken longer than the search waited for them. */
const checkTotal = (totalMs: number, elapsedMs: number): void =>
  check(
    totalMs <= clockShare * elapsedMs + clockMs,
    `times that add up to ${Math.round(totalMs)} ms, of a job that took ${Math.round(elapsedMs)} ms`,
  );

/** The statistics of a result. Throws {@link Misbehaviour} for what cannot have been measured. */
export function timingOf(result: Result, { options }: Job, elapsedMs: number): RemoteTiming {
  const { samples, batch, warmup, timerMs, overheadMs = 0, isUnstable = false } = result;
  const least = Math.min(options.minRuns, leastRuns);
  check(samples.length >= least, `${samples.length} samples, where ${least} are the least`);
  checkTotal(batch * samples.reduce((sum, ms) => sum + ms, 0), elapsedMs);
  const { runs, ...timing } = summarize([{ samples, warmup }]);
  check(timing.medianMs * batch >= timerMs, "samples shorter than its clock can tell");
  check(overheadMs <= timing.medianMs, "a call of nothing that takes longer than the model");
  const net = (ms: number): number => Math.max(resolutionMs, ms - overheadMs);
  return {
    medianMs: net(timing.medianMs),
    p90Ms: net(timing.p90Ms),
    lowMs: net(timing.lowMs),
    highMs: net(timing.highMs),
    runs: runs * batch,
    warmup: timing.warmup,
    overheadMs,
    isUnstable,
  };
}

/** Whether a model was told from the call itself. */
export const isTold = ({ medianMs }: Pick<RemoteTiming, "medianMs">): boolean => medianMs > resolutionMs;

/** Times with the calls in them, which are too long rather than too short. */
export const withCalls = ({ overheadMs, ...timing }: RemoteTiming): RemoteTiming => ({
  ...timing,
  medianMs: timing.medianMs + overheadMs,
  p90Ms: timing.p90Ms + overheadMs,
  lowMs: timing.lowMs + overheadMs,
  highMs: timing.highMs + overheadMs,
  overheadMs: 0,
  isUnstable: true,
});

/** The statistics that another mnas took. Throws {@link Misbehaviour} for what cannot have been measured. */
export function timingOfMeasured({ kind: _kind, id: _id, ...timing }: Measured, elapsedMs: number): RemoteTiming {
  const { medianMs, p90Ms, lowMs, highMs, runs, overheadMs } = timing;
  check(lowMs <= medianMs && medianMs <= highMs && medianMs <= p90Ms, "statistics that contradict each other");
  // Half of the runs took at least the median.
  checkTotal((runs / 2) * (medianMs + (medianMs > resolutionMs ? overheadMs : 0)), elapsedMs);
  return timing;
}
