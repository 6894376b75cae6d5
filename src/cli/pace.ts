/** How much of a search is done; everything is counted in short trainings. */
export interface Progress {
  /** Trials that are not done. */
  readonly trialsLeft: number;
  /** Finals that are not done. */
  readonly finalsLeft: number;
  /** Done of the trainings that are under way. */
  readonly underWay: number;
}

/** Estimates how long a search still takes, from what took time: the networks over the gate are not trained. */
export interface Pace {
  /** A training ended. */
  worked(weight: number): void;
  /** A batch ended; that many of its trials were trained. */
  batch(trials: number, trained: number): void;
  /** Seconds; null before a batch has ended, since what a batch takes is not known. */
  left(progress: Progress, seconds: number): number | null;
}

/** `finalWeight` is how many short trainings a long one is worth. */
export function createPace(finalWeight: number): Pace {
  let done = 0;
  let seen = 0;
  let seenTrained = 0;
  return {
    worked: (weight) => void (done += weight),
    batch(trials, trained) {
      seen += trials;
      seenTrained += trained;
    },
    left({ trialsLeft, finalsLeft, underWay }, seconds) {
      const worked = done + underWay;
      if (seen === 0 || worked === 0) return null;
      const ahead = trialsLeft * (seenTrained / seen) + finalsLeft * finalWeight - underWay;
      return (Math.max(0, ahead) * seconds) / worked;
    },
  };
}
