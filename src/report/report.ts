import type { ReportData } from "./data.ts";
import { tallyText } from "./findings.ts";
import { frontPlot, needsLog } from "./front-plot.ts";
import { frontKeys, svgLegend } from "./legend.ts";
import { markup, raw } from "./markup.ts";
import { page } from "./page.ts";
import { shortened } from "./text.ts";
import { plotStyle } from "./theme.ts";

export type { Bound, Comparison, ReportData, ReportFinal, ReportTrial, Speedup } from "./data.ts";

/** The report of a search: one HTML file that needs nothing else, no network and no script. */
export const reportHtml = (data: ReportData): string => page(data).markup;

/** Letters of 12 px that a line of the plot has room for. */
const lineLength = 112;

/**
 * The plot of latency against validation accuracy as an SVG file of its own, 800 px wide. It brings its background, so it
 * can be read on any page; browsers show it dark where the reader prefers that.
 */
export function frontSvg(data: ReportData): string {
  const width = 800;
  const title = `${data.space} on ${data.device}`;
  const { legend, height: legendHeight } = svgLegend(frontKeys(data), 24, 84, width - 48);
  const top = 76 + legendHeight;
  const height = 488 + top;
  const plot = frontPlot(data, { width: width - 28, height: height - 20, top, isLog: needsLog(data) });
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="plot" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${title}</title>
<style>${raw(plotStyle)}</style>
<rect class="background" width="${width}" height="${height}" rx="8"/>
<text class="strong title" x="24" y="32">${shortened(title, 76)}</text>
<text x="24" y="52">${shortened(data.dataset, lineLength)}</text>
<text x="24" y="70">${shortened(tallyText(data), lineLength)}</text>
${legend}
<g transform="translate(14 4)">${plot}</g>
</svg>
`.markup;
}
