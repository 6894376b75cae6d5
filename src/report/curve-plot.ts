import { horizontalAxis, percentTick, verticalAxis, type Area } from "./axes.ts";
import { markup, raw } from "./markup.ts";
import { percentWithError } from "./text.ts";
import { linearScale, logScale, paddedDomain } from "./scale.ts";
import { plotStyle } from "./theme.ts";

/** A value with its standard error, where that is known, at each number of samples. */
export interface CurvePoint {
  readonly samples: number;
  readonly mean: number;
  readonly stderr: number | null;
}

/** A curve of shares by the number of samples, each point with its standard error, as an SVG file of its own. */
export function curveSvg(title: string, axis: string, points: readonly CurvePoint[]): string {
  const [width, height] = [640, 400];
  const area: Area = { left: 70, right: width - 24, top: 76, bottom: height - 50 };
  const y = linearScale(
    paddedDomain(
      points.flatMap(({ mean, stderr }) => [mean - (stderr ?? 0), mean + (stderr ?? 0)]),
      { minimum: 0.002 },
    ),
    [area.bottom, area.top],
    6,
  );
  const domain = [points[0]!.samples * 0.9, points.at(-1)!.samples * 1.1] as const;
  const x =
    points.length > 1 ? logScale(domain, [area.left, area.right]) : linearScale(domain, [area.left, area.right], 3);
  const line = points.map(({ samples, mean }, i) => `${i === 0 ? "M" : "L"}${x.at(samples)} ${y.at(mean)}`).join("");
  return markup`<svg xmlns="http://www.w3.org/2000/svg" class="plot" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<title>${title}</title>
<style>${raw(plotStyle)}</style>
<rect class="background" width="${width}" height="${height}" rx="8"/>
<text class="strong title" x="24" y="32">${title}</text>
${verticalAxis(y, area, axis, percentTick)}
${horizontalAxis(x, area, area.bottom, "Samples")}
<path class="front" d="${line}"/>
${points.map(
  ({
    samples,
    mean,
    stderr,
  }) => markup`${stderr === null ? null : markup`<line class="target" x1="${x.at(samples)}" x2="${x.at(samples)}" y1="${y.at(mean - stderr)}" y2="${y.at(mean + stderr)}"/>`}
<circle class="finalist" cx="${x.at(samples)}" cy="${y.at(mean)}" r="4"><title>${`${samples} samples: ${percentWithError(mean, stderr)}`}</title></circle>
`,
)}</svg>
`.markup;
}
