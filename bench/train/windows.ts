import { median } from "../../src/device/statistics.ts";

const rounds = 7;
/** Rounds in all, when some windows are disturbed. */
const mostRounds = 21;
/** A window is disturbed when a look before or after it shows less than this share of the most that was seen. */
const quietShare = 0.9;

/** Images per second: the median of windows. */
export interface Timed {
  readonly imagesPerSecond: number;
  /** Those that count: undisturbed ones, or all where these were too few. */
  readonly windows: readonly number[];
  readonly disturbed: number;
  /** Whether enough windows were undisturbed. */
  readonly isQuiet: boolean;
}

interface Window {
  readonly imagesPerSecond: number;
  /** The lower look of the two around it. */
  readonly look: number;
}

/**
 * Times all in turn, so that whatever else happens on the machine happens to all of them, until each has enough windows that
 * nothing else disturbed.
 *
 * @param runs each trains for a window; images per second.
 * @param look how fast the machine is at this moment, in any unit.
 */
export async function timeInTurns(
  runs: readonly (() => Promise<number>)[],
  look: () => Promise<number>,
): Promise<Timed[]> {
  for (const run of runs) await run();
  const turns = runs.map((run) => ({ run, windows: [] as Window[] }));
  let before = await look();
  let most = before;
  const quietOf = (windows: readonly Window[]): Window[] =>
    windows.filter((window) => window.look >= quietShare * most);
  const isMissing = ({ windows }: (typeof turns)[number]): boolean => quietOf(windows).length < rounds;
  for (let round = 0; round < mostRounds && turns.some(isMissing); round++) {
    for (const { run, windows } of turns) {
      const imagesPerSecond = await run();
      const after = await look();
      windows.push({ imagesPerSecond, look: Math.min(before, after) });
      most = Math.max(most, after);
      before = after;
    }
  }
  return turns.map(({ windows }) => {
    const quiet = quietOf(windows);
    const isQuiet = quiet.length >= rounds;
    const counted = (isQuiet ? quiet : windows).map(({ imagesPerSecond }) => imagesPerSecond);
    return {
      imagesPerSecond: median(counted),
      windows: counted,
      disturbed: windows.length - quiet.length,
      isQuiet,
    };
  });
}
