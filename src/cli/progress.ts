import type { Config } from "../config/config.ts";
import type { SearchEvent, TrialRow } from "../study/events.ts";
import { duration, ms, paint, percent, say, table, thousands } from "./output.ts";

/** Draws a search on standard error: a bar on a terminal, plain lines otherwise. */
export interface ProgressView {
  show(event: SearchEvent): void;
  /** Takes the bar away. */
  end(): void;
}

const width = 24;

export function progressView(config: Config, now: () => number = () => performance.now()): ProgressView {
  const isLive = process.stderr.isTTY;
  const begin = now();
  // A final training is worth as many trials as it has more epochs.
  const finalWeight = config.final.epochs / config.proxy.epochs;
  const total = config.trials + 2 * config.finalists * finalWeight;
  const running = new Map<string, number>();
  let ended = 0;
  let atStart = 0;
  let finalsEnded = 0;
  let best: TrialRow | null = null;
  let doing = "starting";
  let isDrawn = false;

  const clear = (): void => {
    if (isDrawn) process.stderr.write("\r\u001B[2K");
    isDrawn = false;
  };
  const line = (text: string): void => {
    clear();
    say(text);
  };
  const draw = (): void => {
    if (!isLive) return;
    const partial = [...running.values()].reduce((sum, share) => sum + share, 0);
    const done = ended + finalsEnded * finalWeight + partial;
    const share = Math.min(1, done / total);
    const full = Math.round(share * width);
    const worked = done - atStart;
    const left = worked < 1 ? "" : ` · ${duration((((now() - begin) / 1000) * (total - done)) / worked)} left`;
    const champion = best === null ? "" : ` · best ${percent(best.accuracy)} at ${ms(best.latencyMs)}`;
    const bar = paint("green", "█".repeat(full), process.stderr) + "░".repeat(width - full);
    const text = `${bar} ${ended}/${config.trials} trials · ${doing}${champion}${left}`;
    clear();
    // A bar longer than the terminal would wrap and could not be taken away.
    process.stderr.write(text.slice(0, (process.stderr.columns ?? 80) + bar.length - width - 1));
    isDrawn = true;
  };

  const show = (event: SearchEvent): void => {
    switch (event.event) {
      case "data":
        line(`data     ${event.description}`);
        break;
      case "device":
        line(`device   ${event.description}${event.isProxy ? " (a proxy: computed, not measured)" : ""}`);
        break;
      case "target":
        line(`target   ${ms(event.targetMs)} (${event.source})`);
        break;
      case "start":
        ended = event.done;
        atStart = event.done;
        line(`search   ${event.trials} trials in batches of ${event.batch} by ${event.searcher}, seed ${event.seed}`);
        line(`space    ${event.space}, ${event.size} networks`);
        line(`run      ${event.dir}, ${event.workers} ${event.workers === 1 ? "worker" : "workers"}`);
        if (event.done > 0) line(`resumed  ${event.done} trials done before`);
        break;
      case "measuring":
        doing = event.phase === "search" ? `measuring trial ${event.number}` : "measuring finalists";
        break;
      case "training":
        doing = event.phase === "search" ? "training" : "training finalists";
        running.set(
          `${event.phase}/${event.number}`,
          (event.step / event.steps) * (event.phase === "search" ? 1 : finalWeight),
        );
        break;
      case "trial":
        running.delete(`search/${event.trial.number}`);
        ended += 1;
        break;
      case "final":
        running.delete(`final/${event.trial.number}`);
        finalsEnded += 1;
        if (!isLive)
          line(
            `final    ${event.trial.number}: ${percent(event.trial.accuracy)} on validation at ${ms(event.trial.latencyMs)}`,
          );
        break;
      case "batch": {
        best = event.best;
        const count = (state: string): number =>
          event.trials.filter((trial) => trial.state === state && trial.source === null).length;
        const parts = [
          `${count("complete")} trained`,
          `${count("pruned")} over the gate`,
          ...(count("failed") > 0 ? [`${count("failed")} failed`] : []),
          ...(event.trials.some(({ source }) => source !== null)
            ? [`${event.trials.filter(({ source }) => source !== null).length} seen before`]
            : []),
        ];
        const champion =
          best === null
            ? ""
            : `; best so far ${percent(best.accuracy)} at ${ms(best.latencyMs)} (trial ${best.number})`;
        line(`batch ${String(event.batch).padStart(2)}/${event.batches}  ${parts.join(", ")}${champion}`);
        break;
      }
      case "warning":
        line(`${paint("yellow", "warning:", process.stderr)} ${event.message}`);
        break;
      case "front":
        if (event.trials.length > 0 && config.finalists > 0)
          line("finals   training the best of the front and their references longer");
        break;
      case "done":
        break;
    }
    draw();
  };
  return { show, end: clear };
}

/** The front as a table. */
export const frontTable = (trials: readonly TrialRow[], targetMs: number | null): string =>
  table(
    ["trial", "latency", "accuracy", "reward", "params", "madds", "", "network"],
    trials.map((trial) => [
      String(trial.number),
      ms(trial.latencyMs),
      percent(trial.accuracy),
      trial.reward === null ? "–" : trial.reward.toFixed(4),
      thousands(trial.params),
      thousands(trial.madds),
      targetMs !== null && (trial.latencyMs ?? Infinity) <= targetMs ? "✓ within target" : "",
      blocksOf(trial.notation),
    ]),
  );

/** The blocks of a notation, which is what differs between members of a space. */
export const blocksOf = (notation: string): string =>
  notation
    .split(" ")
    .filter((token) => /^r\d/.test(token))
    .map((token) => token.replace(/_i\d+/, ""))
    .join(" ");
