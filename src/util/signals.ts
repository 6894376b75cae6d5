import { exitCodes } from "../errors.ts";

/** Signals by which a user, a terminal or a cluster asks a process to end. */
export const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;
export type EndingSignal = (typeof endingSignals)[number];

/** Options of Node for each process that we start: SIGUSR1 would open a debugger on port 9229 of the machine. */
export const childOptions: readonly string[] = ["--disable-sigusr1"];

/**
 * Has a child process go on when a signal reaches its whole process group: its parent decides about the end, and tells it
 * by the message channel. A parent that is gone closes the channel.
 *
 * @param signals those to go on after; all by default.
 */
export function leaveSignalsToParent(signals: readonly EndingSignal[] = endingSignals): void {
  for (const signal of signals) process.on(signal, () => {});
}

/** Two signals within so many milliseconds are one wish: a terminal and `npx` may both send it. */
const echoMs = 500;

/**
 * Calls `stop` at the first ending signal, and ends the process with exit code 130 at a later one.
 *
 * @returns a function that takes the listeners back.
 */
export function onEndingSignal(stop: (signal: EndingSignal) => void): () => void {
  let first: number | null = null;
  const listen = (signal: EndingSignal): void => {
    if (first === null) {
      first = performance.now();
      stop(signal);
    } else if (performance.now() - first > echoMs) process.exit(exitCodes.INTERRUPTED);
  };
  for (const signal of endingSignals) process.on(signal, listen);
  return () => {
    for (const signal of endingSignals) process.off(signal, listen);
  };
}

/**
 * Takes away all listeners to ending signals, so that the system ends the process even while it is blocked.
 *
 * @returns a function that gives them back.
 */
export function dieBySignals(): () => void {
  const listeners = endingSignals.flatMap((signal) => process.listeners(signal).map((listen) => ({ signal, listen })));
  for (const { signal, listen } of listeners) process.off(signal, listen);
  return () => {
    for (const { signal, listen } of listeners) process.on(signal, listen);
  };
}

function endBySignal(): void {
  if (process.listenerCount("SIGUSR1") > 1) return;
  process.off("SIGUSR1", endBySignal);
  process.kill(process.pid, "SIGUSR1");
}

/** Has SIGUSR1 end this process as it ends other programs, unless somebody else listens to it, and open no debugger. */
export function refuseDebugger(): void {
  if (!process.listeners("SIGUSR1").includes(endBySignal)) process.on("SIGUSR1", endBySignal);
}
