import type { Config } from "../config/config.ts";
import type { Dataset } from "../data/dataset.ts";
import { spellingOf } from "../data/place.ts";
import type { Warning } from "../device/options.ts";
import { spaces } from "../space/presets.ts";
import type { SearchEvent, TrialRow } from "../study/events.ts";
import { createBar } from "./bar.ts";
import { counted, duration, invocation, ms, percent, say } from "./output.ts";
import { planFor } from "../train/recipe.ts";
import { shellWord } from "../util/shell.ts";
import { noticeLines } from "./notices.ts";
import { createPace } from "./pace.ts";
import type { SearchOptions } from "./resume.ts";
import { accuracyCell, originNote } from "./tables.ts";
import { proxyLine } from "./validation-table.ts";
import { warningGroups } from "./warnings.ts";

/** Draws a search on standard error: a bar on a terminal, plain lines otherwise. */
export interface ProgressView {
  show(event: SearchEvent): void;
  /** Takes the bar away. */
  end(): void;
}

type TrialsOf<Name> = Extract<SearchEvent, { event: Name; trials: unknown }>;

/** Whether a trial took the time of a training. */
const isTrained = ({ state, source }: TrialRow): boolean =>
  source === null && (state === "complete" || state === "stopped" || state === "failed");

const bestLine = (row: TrialRow): string => `${accuracyCell(row)} at ${ms(row.latencyMs)}`;

/** What became of a batch: `5 trained, 2 over the gate, 1 seen before; best reward so far: …`. */
function batchLine({ trials, best }: TrialsOf<"batch">): string {
  const fresh = trials.filter(({ source }) => source === null);
  const count = (state: string): number => fresh.filter((trial) => trial.state === state).length;
  const parts: readonly (readonly [count: number, what: string, always?: true])[] = [
    [count("complete"), "trained", true],
    [count("stopped"), "stopped early"],
    [count("pruned"), "over the gate", true],
    [count("failed"), "failed"],
    [trials.length - fresh.length, "seen before"],
  ];
  const said = parts.filter(([n, , always]) => n > 0 || always === true).map(([n, what]) => `${n} ${what}`);
  const champion = best === null ? "" : `; best reward so far: ${bestLine(best)} (trial ${best.number})`;
  return `${said.join(", ")}${champion}`;
}

/** The command that validates the proxy of a search. */
function validateCommand({ space, data, size }: Config, options: SearchOptions): string {
  const given = {
    space: space.name in spaces ? space.name : undefined,
    data: spellingOf(data),
    size: size ?? undefined,
    config: options.config,
  };
  const words = Object.entries(given).filter(([, value]) => value !== undefined);
  return [
    invocation,
    "validate-proxy",
    ...words.flatMap(([name, value]) => [`--${name}`, shellWord(String(value))]),
  ].join(" ");
}

export function progressView(config: Config, dataset: Dataset, options: SearchOptions): ProgressView {
  const { isLive, draw: drawBar, clear } = createBar();
  // A final training is worth as many trials as it has more steps.
  const finalWeight = planFor(config.final, dataset).steps / planFor(config.proxy, dataset).steps;
  const pace = createPace(finalWeight);
  const running = new Map<string, number>();
  let begin = performance.now();
  let ended = 0;
  /** Trainings at the end: each finalist, and at first one baseline for it. */
  const finalsOf = (finalists: number): number => finalists * config.finalSeeds * (config.baselines === 0 ? 1 : 2);
  let finals = finalsOf(config.finalists);
  let finalsEnded = 0;
  let best: TrialRow | null = null;
  let doing = "starting";

  const line = (text: string): void => {
    clear();
    say(text);
  };
  const warnings = warningGroups();
  const warn = (warning: Warning | null): void => {
    if (warning !== null) noticeLines(warning).forEach(line);
  };
  const draw = (): void => {
    if (!isLive) return;
    const underWay = [...running.values()].reduce((sum, share) => sum + share, 0);
    const share = (ended + finalsEnded * finalWeight + underWay) / (config.trials + finals * finalWeight);
    const progress = { trialsLeft: config.trials - ended, finalsLeft: finals - finalsEnded, underWay };
    const left = pace.left(progress, (performance.now() - begin) / 1000);
    const parts = [
      {
        text: `${ended}/${config.trials} trials${finalsEnded > 0 ? `, ${counted(finalsEnded, "final")}` : ""}`,
        rank: 3,
      },
      { text: doing, rank: 2 },
      { text: best === null ? "" : `best reward ${bestLine(best)}`, rank: 1 },
      { text: left === null || left < 0.5 ? "" : `${duration(left)} left`, rank: 4 },
    ];
    drawBar(share, parts);
  };

  const show = (event: SearchEvent): void => {
    switch (event.event) {
      case "data":
        line(`data     ${event.description}`);
        break;
      case "device":
        line(`device   ${event.description}${originNote(event.origin)}`);
        break;
      case "target":
        line(
          `target   ${ms(event.targetMs)} (${event.source}); networks over ${ms(config.gate * event.targetMs)} are not trained`,
        );
        break;
      case "start":
        begin = performance.now();
        ended = event.done;
        line(
          `search   ${counted(event.trials, "trial")} in batches of ${event.batch} by ${event.searcher}, seed ${event.seed}`,
        );
        if (event.evaluator !== null) line(`trainer  ${event.evaluator.map(shellWord).join(" ")}`);
        line(`space    ${event.space}, ${BigInt(event.size).toLocaleString("en")} networks`);
        line(`run      ${event.dir}, ${counted(event.workers, "worker")}`);
        if (event.done > 0) line(`resumed  ${counted(event.done, "trial")} done before`);
        break;
      case "proxy":
        line(`proxy    ${proxyLine(event.validated, validateCommand(config, options))}`);
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
        if (isTrained(event.trial)) pace.worked(1);
        break;
      case "final":
        running.delete(`final/${event.training.number}`);
        finalsEnded += 1;
        pace.worked(finalWeight);
        if (!isLive)
          line(
            `final    ${event.name}, seed ${event.training.seed}: ${percent(event.training.accuracy)} on validation`,
          );
        break;
      case "batch":
        best = event.best;
        // Some of the batch may have ended before the run was resumed.
        ended = Math.min(config.trials, event.batch * config.batch);
        pace.batch(event.trials.length, event.trials.filter(isTrained).length);
        line(`batch ${String(event.batch).padStart(2)}/${event.batches}  ${batchLine(event)}`);
        break;
      case "join":
      case "joined":
        noticeLines(event).forEach(line);
        break;
      case "warning":
        warn(warnings.next(event));
        break;
      case "front":
        warnings.rest().forEach(warn);
        finals = Math.min(finals, finalsOf(event.trials.length));
        if (event.trials.length > 0 && config.finalists > 0)
          line(`finals   training the best for the target${config.baselines === 0 ? "" : " and MobileNetV2"} longer`);
        break;
      case "finals":
        if (event.trainings > Math.max(finals, event.done))
          line(`finals   ${counted(event.trainings - event.done, "more training")}, of baselines of another width`);
        finals = event.trainings;
        finalsEnded = event.done;
        break;
      case "done":
        break;
    }
    draw();
  };
  const end = (): void => {
    clear();
    warnings.rest().forEach(warn);
  };
  return { show, end };
}
