import type { ReportTrial } from "./data.ts";
import { markup, type Markup } from "./markup.ts";
import { progressSteps } from "./theme.ts";

/** Shapes around the origin, by radius. No two kinds of marks share one: colour alone tells nothing to many. */
const shapes = {
  cross: (r: number) => `M${-r} ${-r}L${r} ${r}M${-r} ${r}L${r} ${-r}`,
  plus: (r: number) => `M${-r} 0H${r}M0 ${-r}V${r}`,
  triangle: (r: number) => `M0 ${r}L${-r} ${-r}H${r}Z`,
  chevron: (r: number) => `M${-r} ${-r / 2}L0 ${r / 2}L${r} ${-r / 2}`,
  diamond: (r: number) => `M0 ${-r}L${r} 0L0 ${r}L${-r} 0Z`,
  square: (r: number) => `M${-r} ${-r}H${r}V${r}H${-r}Z`,
} as const;

export type Shape = keyof typeof shapes;

/** A mark at a place; `title` is what the mouse gets to see. */
export const mark = (shape: Shape, style: string, x: number, y: number, r: number, title: string | null): Markup =>
  markup`<path class="${style}" transform="translate(${x} ${y})" d="${shapes[shape](r)}">${
    title === null ? null : markup`<title>${title}</title>`
  }</path>`;

/** A dot at a place. */
export const dot = (style: string, x: number, y: number, r: number, title: string | null): Markup =>
  markup`<circle class="${style}" cx="${x}" cy="${y}" r="${r}">${
    title === null ? null : markup`<title>${title}</title>`
  }</circle>`;

/** Class of the colour of a trial: how far the search had come. */
export const progressClass = ({ number }: ReportTrial, trials: number): string =>
  `p${Math.min(progressSteps - 1, Math.floor((progressSteps * number) / Math.max(1, trials)))}`;

/** Small enough to see through many. */
export const dotRadius = (count: number): number => (count > 1000 ? 2.25 : count > 200 ? 3 : 4);
