import { networkDrawing, networkText } from "./blocks.ts";
import { gainText, speedupText } from "./comparison-text.ts";
import { byReward, frontOf, type ReportData } from "./data.ts";
import { finalPlot, finalPlotHeight } from "./final-plot.ts";
import { bestText, caveatsOf, tallyText, unfinishedText } from "./findings.ts";
import { frontPlot, needsLog } from "./front-plot.ts";
import { frontKeys, htmlLegend } from "./legend.ts";
import { markup, raw, type Markup } from "./markup.ts";
import { pageStyle } from "./page-style.ts";
import { rewardPlot } from "./reward-plot.ts";
import { finalTable, frontTable, trialTable } from "./tables.ts";
import { latencyName, ms, plural, time } from "./text.ts";

const chart = (style: string, width: number, height: number, label: string, contents: Markup): Markup =>
  markup`<svg class="plot chart ${style}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}">${contents}</svg>`;

function facts(data: ReportData): Markup {
  const proxy = data.isProxy ? " (proxy)" : "";
  const rows: [string, string][] = [
    ["Data set", data.dataset],
    ["Device", data.isProxy ? `${data.device} (proxy: latency is computed, not measured)` : data.device],
    [`Target${proxy}`, `${ms(data.targetMs)}, ${data.targetSource}`],
    [`Gate${proxy}`, `${ms(data.gateMs)}; slower networks are not trained`],
    ["Space, searcher", `${data.space}, ${data.searcher}`],
    ["Search", tallyText(data)],
  ];
  return markup`<dl class="facts">${rows.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** The plot of the search; where latencies span decades, both scales, of which two radio buttons show one. */
function searchFigure(data: ReportData): Markup {
  const label = "Latency against validation accuracy of the trials; the numbers are in the tables below";
  const [width, height] = [640, 460];
  const plot = (isLog: boolean): Markup =>
    chart(`wide-chart ${isLog ? "log" : "linear"}`, width, height, label, frontPlot(data, { width, height, isLog }));
  const scales = markup`<div class="scales">Latency axis: <label><input type="radio" name="x" id="x-log" checked> logarithmic</label>
<label><input type="radio" name="x" id="x-linear"> linear</label></div>`;
  return markup`<figure><h2>Search</h2>
${htmlLegend(frontKeys(data))}
${needsLog(data) ? [scales, plot(true), plot(false)] : plot(false)}
</figure>`;
}

function finalFigure(data: ReportData): Markup | null {
  const count = data.finals.length;
  if (count === 0) return null;
  const label = "Test accuracy and latency of finalists and references; the numbers are in the table below";
  return markup`<figure><h2>Finalists on the test images</h2>${chart("", 440, finalPlotHeight(count), label, finalPlot(data))}</figure>`;
}

const rewardFigure = (data: ReportData): Markup => markup`<figure><h2>Best reward so far</h2>
${chart("", 440, 240, "Reward of each trained trial, and the best so far", rewardPlot(data, 440, 240))}</figure>`;

function finalSection(data: ReportData): Markup | null {
  if (data.finals.length === 0) return null;
  const { comparisons, isProxy } = data;
  const isCompared = data.finals.some(({ isReference }) => isReference);
  const texts = comparisons.flatMap((comparison) => [
    gainText(comparison),
    speedupText(comparison, latencyName(isProxy).toLowerCase()),
  ]);
  return markup`<section><h2>${isCompared ? "Finalists against reference networks" : "Finalists"}</h2>
${finalTable(data)}
${texts.length === 0 ? null : markup`<ul class="findings">${texts.map((text) => markup`<li>${text}</li>`)}</ul>`}
</section>`;
}

/** How many networks of the front are drawn when there are no finalists. */
const drawn = 3;

function networkSection(data: ReportData): Markup | null {
  const finalists = data.finals.filter(({ isReference }) => !isReference);
  const networks =
    finalists.length > 0
      ? finalists
      : byReward(frontOf(data))
          .slice(0, drawn)
          .map((trial) => ({ ...trial, name: `trial ${trial.number}` }));
  if (networks.length === 0) return null;
  return markup`<section><h2>Networks</h2>
<p class="muted">From image to logits; below each block its output, and its share of the network's multiply-adds. ${
    finalists.length > 0 ? null : "These have the highest rewards of the front."
  }</p>
${networks.map(
  (network) => markup`<h3>${network.name}, ${ms(network.latencyMs)}${data.isProxy ? " (proxy)" : null}</h3>
${networkDrawing(network.notation)}
${networkText(network)}
`,
)}</section>`;
}

const frontSection = (data: ReportData): Markup => markup`<section><h2>Pareto front</h2>
${
  data.front.length === 0
    ? markup`<p class="muted">No trained network yet.</p>`
    : markup`<p class="muted">The trained networks that no other one beats on both latency and validation accuracy; the highest reward is bold.</p>${frontTable(data)}`
}</section>`;

const json = (title: string, value: unknown): Markup =>
  markup`<details><summary>${title}</summary><pre>${JSON.stringify(value, null, 2) ?? "null"}</pre></details>`;

/** The whole page. The policy in its head makes browsers refuse whatever would come from elsewhere. */
export function page(data: ReportData): Markup {
  const unfinished = unfinishedText(data);
  const best = bestText(data);
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${data.title} – mnas</title>
<link rel="icon" href="data:,">
<style>${raw(pageStyle)}</style>
</head>
<body>
<header>
<h1>${data.title}</h1>
<p class="lede">Architecture search with mnas, started ${time(data.created)}</p>
${unfinished === null ? null : markup`<p class="banner">${unfinished}</p>`}
${facts(data)}
${best === null ? null : markup`<p>${best}</p>`}
</header>
<main>
<div class="plots">
${searchFigure(data)}
<div class="side">
${finalFigure(data)}
${rewardFigure(data)}
</div>
</div>
${finalSection(data)}
${networkSection(data)}
${frontSection(data)}
<section><h2>What these numbers are</h2>
<ul class="findings">${caveatsOf(data).map((note) => markup`<li>${note}</li>`)}</ul>
</section>
<section><h2>Record</h2>
${data.trials.length === 0 ? null : markup`<details><summary>All ${plural(data.trials.length, "trial")}</summary>${trialTable(data)}</details>`}
${json("Configuration", data.config)}
${json("Environment", data.environment)}
</section>
</main>
</body>
</html>
`;
}
