import { frontOf, tallyOf, trainedFinalsOf, trainedOf, type ReportData } from "./data.ts";
import { accuracyFloor } from "./front-plot.ts";
import { dot, mark } from "./marks.ts";
import { markup, type Markup } from "./markup.ts";
import { plural } from "./text.ts";
import { progressSteps } from "./theme.ts";

/** One line of a legend: a mark drawn around the middle of `width` × 14, and what it means. */
interface Key {
  readonly width: number;
  readonly mark: Markup;
  readonly label: string;
}

const progress = (): Markup =>
  markup`${Array.from({ length: progressSteps }, (_, i) => dot(`point p${i}`, 6 + 9 * i, 7, 4, null))}`;

/** What the marks of the front plot mean; only those that are there. */
export function frontKeys(data: ReportData): Key[] {
  const { trained, stopped, gated, failed } = tallyOf(data);
  const last = Math.max(0, data.trials.length - 1);
  const floor = accuracyFloor(data);
  const below = trainedOf(data).filter(({ accuracy }) => accuracy < floor).length;
  const hasFinal = (isReference: boolean): boolean =>
    trainedFinalsOf(data).some((final) => final.isReference === isReference);
  const keys: (Key | false)[] = [
    trained > 0 && { width: 66, mark: progress(), label: `trained, trial 0 to ${last}` },
    frontOf(data).length > 0 && {
      width: 26,
      mark: markup`<path class="front" d="M1 7H25"/>${dot("ring", 13, 7, 5.5, null)}${dot(`point p${progressSteps - 1}`, 13, 7, 3.5, null)}`,
      label: "front, with trial numbers",
    },
    hasFinal(false) && {
      width: 14,
      mark: mark("diamond", "finalist", 7, 7, 5.5, null),
      label: "finalist, trained long",
    },
    hasFinal(true) && {
      width: 12,
      mark: mark("square", "reference", 6, 7, 4, null),
      label: "reference network, trained long",
    },
    stopped > 0 && { width: 12, mark: mark("plus", "untrained", 6, 7, 3.5, null), label: "stopped early" },
    gated > 0 && { width: 12, mark: mark("cross", "untrained", 6, 7, 3.5, null), label: "over the gate, not trained" },
    failed > 0 && { width: 12, mark: mark("triangle", "untrained", 6, 7, 3.5, null), label: "failed" },
    below > 0 && {
      width: 12,
      mark: mark("chevron", "untrained", 6, 7, 4, null),
      label: `${plural(below, "trial")} far below the axis`,
    },
  ];
  return keys.filter((key) => key !== false);
}

/** A legend that wraps with the page. */
export const htmlLegend = (keys: readonly Key[]): Markup =>
  markup`<p class="legend">${keys.map(
    ({ width, mark: drawing, label }) =>
      markup`<span><svg class="plot key" width="${width}" height="14" aria-hidden="true">${drawing}</svg> ${label}</span> `,
  )}</p>`;

/** Width of text at 12 px, near enough to place what follows it in any sans-serif face. */
const textWidth = (text: string): number => 6.6 * text.length;

/** A legend in rows of at most `width`, from the point `x`, `y` down, and its height. */
export function svgLegend(
  keys: readonly Key[],
  x: number,
  y: number,
  width: number,
): { readonly legend: Markup; readonly height: number } {
  let [left, top] = [0, 0];
  const legend = markup`${keys.map(({ width: markWidth, mark: drawing, label }) => {
    const advance = markWidth + 6 + textWidth(label) + 14;
    if (left > 0 && left + advance > width) [left, top] = [0, top + 20];
    const key = markup`<g transform="translate(${x + left} ${y + top})">${drawing}<text x="${markWidth + 6}" y="11">${label}</text></g>
`;
    left += advance;
    return key;
  })}`;
  return { legend, height: top + 20 };
}
