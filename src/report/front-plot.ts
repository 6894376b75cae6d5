import { horizontalAxis, percentTick, stepPath, verticalAxis, type Area } from "./axes.ts";
import {
  frontOf,
  trainedFinalsOf,
  trainedOf,
  type ReportData,
  type ReportTrial,
  type TrainedFinal,
  type TrainedTrial,
} from "./data.ts";
import { dot, dotRadius, mark, progressClass, type Shape } from "./marks.ts";
import { markup, type Markup } from "./markup.ts";
import { latencyDomain, linearScale, logScale, outlierFloor, shareDomain, spansDecades, type Scale } from "./scale.ts";
import { latencyName, ms, percentWithError, shortened, tooltip } from "./text.ts";

/** Height of the strip under the plot for trials without an accuracy. */
const strip = 30;

const latenciesOf = ({ trials, finals, targetMs }: ReportData): number[] => [
  ...[...trials, ...finals].flatMap(({ latencyMs }) => (latencyMs === null ? [] : [latencyMs])),
  targetMs,
];

/** Whether latencies are so far apart that they need an axis of ratios. */
export const needsLog = (data: ReportData): boolean => spansDecades(latenciesOf(data));

/** Trials that were tried and have no accuracy: their own shape by why. */
const untrainedShapes: Partial<Record<ReportTrial["state"], Shape>> = {
  stopped: "plus",
  pruned: "cross",
  failed: "triangle",
};

const untrainedMarks = ({ trials }: ReportData, place: (trial: ReportTrial, shape: Shape, ms: number) => Markup) =>
  trials.flatMap((trial) => {
    const shape = untrainedShapes[trial.state];
    const { source, latencyMs } = trial;
    return shape === undefined || source !== null || latencyMs === null ? [] : [place(trial, shape, latencyMs)];
  });

/** A labelled vertical line, like a flag: its label is in a row of its own above the plot, on the side with room. */
function flag(name: "target" | "gate", label: string, x: number, row: number, { left, right, bottom }: Area): Markup {
  const isRight = x > (left + right) / 2;
  return markup`<line class="${name}" x1="${x}" x2="${x}" y1="${row - 10}" y2="${bottom}"/>
<text class="${name === "target" ? "strong" : "label"}" x="${isRight ? x - 5 : x + 5}" y="${row}" text-anchor="${
    isRight ? "end" : "start"
  }">${label}</text>`;
}

/** Numbers beside the points of the front, most accurate first; those without room are left out. */
function frontNumbers(points: readonly { number: number; x: number; y: number }[]): Markup[] {
  const taken: { x: number; y: number }[] = [];
  return points.toReversed().flatMap(({ number, x, y }) => {
    const isFree = taken.every((other) => Math.abs(other.x - x) > 26 || Math.abs(other.y - y) > 12);
    if (!isFree) return [];
    taken.push({ x, y });
    return [markup`<text class="number halo" x="${x - 7}" y="${y - 7}" text-anchor="end">${number}</text>`];
  });
}

/** Finalists and references where their long training took them; the names of references beside them. */
function finalMarks(finals: readonly TrainedFinal[], { area, x, y, floor, isProxy }: Layout): Markup[] {
  return finals.map(({ name, isReference, latencyMs, accuracy, accuracyError }) => {
    const title = `${name}, trained long: ${percentWithError(accuracy, accuracyError)} validation accuracy, ${ms(latencyMs)}${isProxy ? " (proxy)" : ""}`;
    const [left, top] = [x.at(latencyMs), accuracy < floor ? area.bottom - 5 : y.at(accuracy)];
    const shape = accuracy < floor ? "chevron" : isReference ? "square" : "diamond";
    const isRight = left > (area.left + area.right) / 2;
    const label = markup`<text class="number halo" x="${isRight ? left - 9 : left + 9}" y="${top}" dy="0.35em" text-anchor="${isRight ? "end" : "start"}">${shortened(name, 24)}</text>`;
    return markup`${mark(shape, isReference ? "reference" : "finalist", left, top, isReference ? 4 : 5.5, title)}${isReference ? label : null}`;
  });
}

interface Layout {
  readonly area: Area;
  readonly x: Scale;
  readonly y: Scale;
  readonly floor: number;
  readonly isProxy: boolean;
}

interface PlotOptions {
  readonly width: number;
  readonly height: number;
  /** Space above, for a title and a legend. */
  readonly top?: number;
  readonly isLog: boolean;
}

/** Accuracies below this are marked at the lower edge instead of in their place; never one of the front. */
export const accuracyFloor = (data: ReportData): number =>
  Math.min(
    outlierFloor(trainedOf(data).map(({ accuracy }) => accuracy)),
    ...frontOf(data).map(({ accuracy }) => accuracy),
  );

/** Where the marks are and how values get there. */
function layout(data: ReportData, { width, height, top = 0, isLog }: PlotOptions): Layout {
  const area: Area = { left: 60, right: width - 20, top: top + 62, bottom: height - 46 - strip };
  const accuracies = [...trainedOf(data), ...frontOf(data), ...trainedFinalsOf(data)].map(({ accuracy }) => accuracy);
  const floor = accuracyFloor(data);
  const range = [area.left, area.right] as const;
  const domain = latencyDomain(latenciesOf(data), isLog);
  const y = linearScale(shareDomain(accuracies.filter((accuracy) => accuracy >= floor)), [area.bottom, area.top]);
  return { area, x: isLog ? logScale(domain, range) : linearScale(domain, range, 8), y, floor, isProxy: data.isProxy };
}

/** The contents of the plot of latency against validation accuracy, without the `svg` element around it. */
export function frontPlot(data: ReportData, options: PlotOptions): Markup {
  const plan = layout(data, options);
  const { area, x, y, floor } = plan;
  const { left, right, top, bottom } = area;
  const { trials, isProxy, targetMs, gateMs } = data;
  const baseline = bottom + strip;
  const front = frontOf(data);
  const numbers = new Set(front.map(({ number }) => number));
  const others = trainedOf(data).filter(({ number }) => !numbers.has(number));
  const r = dotRadius(trials.length);
  const title = (trial: ReportTrial): string => tooltip(trial, isProxy);
  const place = (trial: TrainedTrial): readonly [number, number] => [x.at(trial.latencyMs), y.at(trial.accuracy)];
  const point = (trial: TrainedTrial): Markup => {
    const style = `point ${progressClass(trial, trials.length)}`;
    return trial.accuracy < floor
      ? mark("chevron", "untrained", x.at(trial.latencyMs), bottom - 5, r, title(trial))
      : dot(style, ...place(trial), r, title(trial));
  };
  const gate = Math.min(x.at(gateMs), right);
  const unit = isProxy ? "ms, computed from multiply-adds, not measured" : "ms";

  return markup`
<rect class="beyond" x="${gate}" y="${top}" width="${right - gate}" height="${baseline - top}"/>
${verticalAxis(y, { ...area, top: top - 34 }, "Validation accuracy", percentTick)}
<line class="grid" x1="${left}" x2="${right}" y1="${bottom}" y2="${bottom}"/>
<text x="${left - 8}" y="${bottom + strip / 2}" dy="0.35em" text-anchor="end">none</text>
${horizontalAxis(x, area, baseline, `${latencyName(isProxy)} (${unit})`)}
${gateMs <= x.domain[1] ? flag("gate", `gate ${ms(gateMs)}`, x.at(gateMs), top - 8, { ...area, bottom: baseline }) : null}
${flag("target", `target ${ms(targetMs)}${isProxy ? " (proxy)" : ""}`, x.at(targetMs), top - 25, { ...area, bottom: baseline })}
<path class="front" d="${stepPath(front.map(place), right)}"/>
<g>${others.map(point)}</g>
<g>${untrainedMarks(data, (trial, shape, latencyMs) =>
    mark(shape, "untrained", x.at(latencyMs), bottom + strip / 2, Math.min(r, 3.5), title(trial)),
  )}</g>
<g>${front.map((trial) => [dot("ring", ...place(trial), r + 2.5, null), point(trial)])}</g>
${frontNumbers(front.map((trial) => ({ number: trial.number, x: x.at(trial.latencyMs), y: y.at(trial.accuracy) })))}
<g>${finalMarks(trainedFinalsOf(data), plan)}</g>
${front.length === 0 ? markup`<text class="halo" x="${(left + right) / 2}" y="${(top + bottom) / 2}" text-anchor="middle">no trained network yet</text>` : null}`;
}
