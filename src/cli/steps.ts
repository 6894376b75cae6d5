import { createBar } from "./bar.ts";
import { duration, print, say } from "./output.ts";

export interface Steps {
  /** So many measurements are done. */
  show(done: number): void;
  /** Takes the bar away. */
  end(): void;
}

const linesEveryMs = 10_000;

/** How far a number of equal measurements is: a bar on a terminal, a line now and then elsewhere, or JSON lines. */
export function stepsView(total: number, done: number, json: boolean): Steps {
  const begin = performance.now();
  const before = done;
  let said = begin;
  const { isLive, draw, clear } = createBar(json);
  return {
    show(now) {
      const seconds = (performance.now() - begin) / 1000;
      const left = now === before ? null : (seconds / (now - before)) * (total - now);
      const leftText = left === null || left < 0.5 ? "" : `${duration(left)} left`;
      if (json) print(JSON.stringify({ event: "progress", done: now, total, secondsLeft: left }));
      else if (isLive) {
        draw(now / total, [
          { text: `${now}/${total} measured`, rank: 2 },
          { text: leftText, rank: 1 },
        ]);
      } else if (performance.now() - said >= linesEveryMs) {
        said = performance.now();
        say(`${now}/${total} measured${leftText === "" ? "" : `, ${leftText}`}`);
      }
    },
    end: clear,
  };
}
