import { horizontalAxis, plainTick, stepPath, verticalAxis, type Area } from "./axes.ts";
import type { ReportData, ReportTrial } from "./data.ts";
import { dot, dotRadius, mark, progressClass } from "./marks.ts";
import { markup, type Markup } from "./markup.ts";
import { linearScale, outlierFloor, paddedDomain } from "./scale.ts";
import { tooltip } from "./text.ts";

type Rewarded = ReportTrial & { readonly reward: number };

const isRewarded = (trial: ReportTrial): trial is Rewarded => trial.state === "complete" && trial.reward !== null;

/** The trials that were better than all before them. */
function recordsOf<T extends { readonly reward: number }>(trials: readonly T[]): T[] {
  let best = -Infinity;
  return trials.filter(({ reward }) => {
    if (reward <= best) return false;
    best = reward;
    return true;
  });
}

/** The contents of the plot of each trained trial's reward and the best so far, by trial number. */
export function rewardPlot({ trials, isProxy }: ReportData, width: number, height: number): Markup {
  const area: Area = { left: 60, right: width - 20, top: 26, bottom: height - 46 };
  const { left, right, top, bottom } = area;
  const rewarded = trials.filter(isRewarded);
  if (rewarded.length === 0) {
    return markup`<text x="${width / 2}" y="${height / 2}" text-anchor="middle">no rewarded network yet</text>`;
  }
  const rewards = rewarded.map(({ reward }) => reward);
  const floor = outlierFloor(rewards);
  const shown = rewarded.filter(({ reward }) => reward >= floor);
  const y = linearScale(
    paddedDomain(
      shown.map(({ reward }) => reward),
      { minimum: 0.005 },
    ),
    [bottom, top],
    5,
  );
  const x = linearScale(
    [0, Math.max(1, trials.length - 1)],
    [left + 6, right - 6],
    Math.min(8, Math.max(1, trials.length - 1)),
  );
  const records = recordsOf(shown);
  const r = dotRadius(trials.length) - 0.75;
  const point = (trial: Rewarded): Markup =>
    trial.reward < floor
      ? mark("chevron", "untrained", x.at(trial.number), bottom - 5, r, tooltip(trial, isProxy))
      : dot(
          `point ${progressClass(trial, trials.length)}`,
          x.at(trial.number),
          y.at(trial.reward),
          r,
          tooltip(trial, isProxy),
        );
  return markup`
${verticalAxis(y, area, "Reward", plainTick)}
${horizontalAxis(x, area, bottom, "Trial")}
<g>${rewarded.map(point)}</g>
<path class="front" d="${stepPath(
    records.map(({ number, reward }) => [x.at(number), y.at(reward)] as const),
    x.at(trials.length - 1),
  )}"/>`;
}
