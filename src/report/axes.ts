import { markup, type Markup } from "./markup.ts";
import type { Scale } from "./scale.ts";

/** Edges of the area that marks are drawn in. */
export interface Area {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** How a tick's value is written, given the decimals that tell the ticks apart. */
export type TickFormat = (value: number, decimals: number) => string;

/** `0.25`; on an axis of ratios each tick has the decimals it needs. */
export const plainTick: TickFormat = (value, decimals) => value.toFixed(decimals);

/** `85 %` of a share. */
export const percentTick: TickFormat = (value, decimals) => `${(100 * value).toFixed(Math.max(0, decimals - 2))} %`;

const written = (scale: Scale, tick: number, format: TickFormat): string =>
  scale.isLog ? String(tick) : format(tick, scale.decimals);

/** Grid lines with their values on the left, under a title. */
export const verticalAxis = (
  scale: Scale,
  { left, right, top }: Area,
  title: string,
  format: TickFormat,
): Markup => markup`
<text x="${left}" y="${top - 10}">${title}</text>
${scale.ticks.map(
  (
    tick,
  ) => markup`<g class="tick-y"><line class="grid" x1="${left}" x2="${right}" y1="${scale.at(tick)}" y2="${scale.at(tick)}"/>
<text x="${left - 8}" y="${scale.at(tick)}" dy="0.35em" text-anchor="end">${written(scale, tick, format)}</text></g>
`,
)}`;

/** The line along `y` with its values below and a title under them. */
export const horizontalAxis = (
  scale: Scale,
  { left, right }: Area,
  y: number,
  title: string,
  format = plainTick,
): Markup => markup`
<line class="axis" x1="${left}" x2="${right}" y1="${y}" y2="${y}"/>
${scale.ticks.map(
  (
    tick,
  ) => markup`<g class="tick-x"><line class="axis" x1="${scale.at(tick)}" x2="${scale.at(tick)}" y1="${y}" y2="${y + 5}"/>
<text x="${scale.at(tick)}" y="${y + 18}" text-anchor="middle">${written(scale, tick, format)}</text></g>
`,
)}<text x="${(left + right) / 2}" y="${y + 37}" text-anchor="middle">${title}</text>`;

/** A line that goes right, then up or down, from point to point, and on to `end`. */
export function stepPath(points: readonly (readonly [number, number])[], end: number): string {
  const coordinate = (value: number): string => String(Math.round(value * 100) / 100);
  const [first, ...rest] = points;
  if (first === undefined) return "";
  const steps = rest.map(([x, y]) => `H${coordinate(x)}V${coordinate(y)}`);
  return [`M${coordinate(first[0])} ${coordinate(first[1])}`, ...steps, `H${coordinate(end)}`].join("");
}
