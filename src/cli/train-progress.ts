import type { Progress } from "../train/trainer.ts";
import { createBar } from "./bar.ts";
import { duration, fixed, percent, print, say } from "./output.ts";

export interface TrainProgress {
  /** To be told each step. */
  show(progress: Progress): void;
  /** Takes the bar away. */
  end(): void;
}

const linesEveryMs = 10_000;
const drawEveryMs = 200;
/** Ends of epochs get a line of their own, but not more than so many. */
const mostLines = 100;

/** How far a training is: lines at ends of epochs and now and then between, a bar on a terminal, or JSON lines. */
export function trainProgress(stepsPerEpoch: number, stepsBefore: number, json: boolean): TrainProgress {
  const begin = performance.now();
  let said = begin;
  let drawn = begin;
  const { isLive, draw, clear } = createBar(json);
  return {
    show({ step, steps, loss, validationAccuracy }) {
      const now = performance.now();
      const secondsLeft = ((now - begin) / 1000 / (step - stepsBefore)) * (steps - step);
      const epochs = step / stepsPerEpoch;
      const every = Math.ceil(steps / stepsPerEpoch / mostLines);
      const isEpochEnd = Number.isInteger(epochs / every) || validationAccuracy !== null;
      const validated = validationAccuracy === null ? [] : [`validation ${percent(validationAccuracy)}`];
      const epoch = `epoch ${isEpochEnd ? epochs : fixed(epochs, 2)}`;
      const parts = [`loss ${fixed(loss, 3)}`, `${duration(secondsLeft)} left`] as const;
      if (isEpochEnd || (!isLive && now - said >= linesEveryMs)) {
        clear();
        said = now;
        if (json) print(JSON.stringify({ event: "progress", step, steps, loss, validationAccuracy, secondsLeft }));
        else say([epoch, parts[0], ...validated, parts[1]].join("  "));
      }
      if (!isLive || now - drawn < drawEveryMs) return;
      drawn = now;
      draw(
        step / steps,
        [epoch, ...parts].map((text, i) => ({ text, rank: [3, 1, 2][i]! })),
      );
    },
    end: clear,
  };
}
