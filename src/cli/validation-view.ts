import { seeds } from "../study/proxy/trainings.ts";
import type { ValidationEvent } from "../study/proxy/validate.ts";
import { createBar } from "./bar.ts";
import type { Warning } from "../device/options.ts";
import { noticeLines } from "./notices.ts";
import { counted, duration, percent, say } from "./output.ts";
import { warningGroups } from "./warnings.ts";

/** Tells people how far a validation is: a bar on a terminal, otherwise a line for each training. */
export function validationView(): { show: (event: ValidationEvent) => void; end: () => void } {
  const { isLive, draw: drawBar, clear } = createBar();
  let begin = performance.now();
  let first: number | null = null;
  let [total, done] = [0, 0];
  const line = (text: string): void => {
    clear();
    say(text);
  };
  const warnings = warningGroups();
  const warn = (warning: Warning | null): void => {
    if (warning !== null) noticeLines(warning).forEach(line);
  };
  const draw = (share: number): void => {
    if (!isLive) return;
    first ??= share;
    const gained = share - first;
    const seconds = (performance.now() - begin) / 1000;
    const left = gained > 0.01 ? `${duration((seconds * (1 - share)) / gained)} left` : "";
    drawBar(share, [
      { text: `${done}/${total} trainings`, rank: 2 },
      { text: left, rank: 1 },
    ]);
  };
  const show = (event: ValidationEvent): void => {
    if (event.event === "start") {
      begin = performance.now();
      [total, done] = [event.trainings, event.done];
      line(`data     ${event.data}`);
      line(`space    ${event.space}, ${counted(event.networks, "network")} spread over its costs and choices`);
      line(
        `train    ${counted(event.trainings, "training")}: the proxy at half, once and twice its epochs, and in full; ${seeds.length} seeds`,
      );
      if (event.done > 0) line(`resumed  ${counted(event.done, "training")} done before`);
      line(`run      ${event.dir}, ${counted(event.workers, "worker")}`);
      if (event.seconds > 0) line(`time     about ${duration(event.seconds)}`);
    } else if (event.event === "training") draw(event.share);
    else if (event.event === "trained") {
      done = event.done;
      const { network, epochs, seed, accuracy } = event;
      const short = network.length > 40 ? `…${network.slice(-39)}` : network;
      if (isLive) draw(event.share);
      else line(`${String(done).padStart(4)}/${total}  ${epochs} epochs, seed ${seed}: ${percent(accuracy)}  ${short}`);
    } else if (event.event === "warning") warn(warnings.next(event));
  };
  const end = (): void => {
    clear();
    warnings.rest().forEach(warn);
  };
  return { show, end };
}
