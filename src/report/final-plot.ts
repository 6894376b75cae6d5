import { horizontalAxis, percentTick } from "./axes.ts";
import type { ReportData, ReportFinal } from "./data.ts";
import { dot, mark } from "./marks.ts";
import { markup, type Markup } from "./markup.ts";
import { linearScale, shareDomain } from "./scale.ts";
import { latencyName, ms, percent, percentWithError, shortened } from "./text.ts";

const rowHeight = 27;
const top = 30;
/** Columns of a plot that is 440 wide: names, accuracies, latencies. */
const accuracyColumn = { left: 132, right: 302 };
const latencyColumn = { left: 322, right: 388 };

/** Finalists and references, fastest first; what was not measured comes last. */
export const byLatency = (finals: readonly ReportFinal[]): ReportFinal[] =>
  finals.toSorted((a, b) => (a.latencyMs ?? Infinity) - (b.latencyMs ?? Infinity) || a.number - b.number);

/** Letters that the first column has room for; those of finalists are bold. */
const nameLength = ({ isReference }: ReportFinal): number => (isReference ? 20 : 17);

/** Ends of the error bar. */
const tested = ({ testAccuracy, testError }: ReportFinal): readonly number[] =>
  testAccuracy === null ? [] : [testAccuracy - (testError ?? 0), testAccuracy + (testError ?? 0)];

/** What single trainings reached; nothing where there is but one. */
const trainings = ({ seeds }: ReportFinal): readonly number[] =>
  seeds.length < 2 ? [] : seeds.flatMap(({ testAccuracy }) => testAccuracy ?? []);

/** Height of the plot of so many networks. */
export const finalPlotHeight = (count: number): number => top + count * rowHeight + 50;

/**
 * One row per finalist and reference: mean test accuracy with its standard error, and under it a dot for each training,
 * beside latency. Rows keep names apart
 * whatever the values are, and put networks of about the same latency next to each other.
 */
export function finalPlot({ finals, targetMs, isProxy }: ReportData): Markup {
  const rows = byLatency(finals);
  const { left, right } = accuracyColumn;
  const bottom = top + rows.length * rowHeight;
  const accuracy = linearScale(
    shareDomain(rows.flatMap((row) => [...tested(row), ...trainings(row)])),
    [left + 6, right - 6],
    4,
  );
  const slowest = rows.reduce((most, { latencyMs }) => Math.max(most, latencyMs ?? 0), targetMs);
  const latency = linearScale([0, slowest], [latencyColumn.left, latencyColumn.right]);
  const target = latency.at(targetMs);
  const hasTrainings = rows.some((row) => trainings(row).length > 0);

  const row = (final: ReportFinal, i: number): Markup => {
    const y = top + (i + 0.5) * rowHeight;
    const { name, isReference, latencyMs, testAccuracy, testError } = final;
    const style = isReference ? "reference" : "finalist";
    const title = `${name}: ${percentWithError(testAccuracy, testError)} test accuracy, ${ms(latencyMs)}${isProxy ? " (proxy)" : ""}`;
    const [low, high] = tested(final);
    return markup`<g class="row"><text class="${isReference ? "label" : "strong"}" x="0" y="${y}" dy="0.35em">${shortened(name, nameLength(final))}<title>${name}</title></text>
${
  testAccuracy === null || low === undefined || high === undefined
    ? markup`<text x="${left + 6}" y="${y}" dy="0.35em">${final.state === "complete" ? "not tested" : final.state}</text>`
    : markup`<path class="${style}" d="M${accuracy.at(low)} ${y - 4}v8M${accuracy.at(high)} ${y - 4}v8M${accuracy.at(low)} ${y}H${accuracy.at(high)}"/>
${trainings(final).map((one) => dot("training", accuracy.at(one), y + 8, 2, `one training: ${percent(one)}`))}
${mark(isReference ? "square" : "diamond", style, accuracy.at(testAccuracy), y, isReference ? 4 : 5.5, title)}`
}
${
  latencyMs === null
    ? null
    : markup`<rect class="bar" x="${latencyColumn.left}" y="${y - 4}" width="${latency.at(latencyMs) - latencyColumn.left}" height="8"><title>${title}</title></rect>
<text x="${latencyColumn.right + 6}" y="${y}" dy="0.35em">${ms(latencyMs).replace(" ms", "")}</text>`
}</g>
`;
  };

  return markup`
<text x="${left}" y="12">Test accuracy ± 1 s.e.</text>
<text x="${latencyColumn.left}" y="12">${latencyName(isProxy)} (ms)</text>
${accuracy.ticks.map((tick) => markup`<line class="grid" x1="${accuracy.at(tick)}" x2="${accuracy.at(tick)}" y1="${top}" y2="${bottom}"/>`)}
${rows.map(row)}
<line class="target" x1="${target}" x2="${target}" y1="${top}" y2="${bottom + 4}"/>
<text x="${Math.max(target, latencyColumn.left + 16)}" y="${bottom + 18}" text-anchor="middle">target</text>
${horizontalAxis(accuracy, { left, right, top, bottom }, bottom, hasTrainings ? "dots: single trainings" : "", percentTick)}`;
}
