import type { Estimate } from "../../src/replay/summary.ts";
export { estimate } from "../../src/replay/summary.ts";

/** A share in per cent, with its standard error. */
export const share = ({ mean, stderr }: Estimate, digits: number): string =>
  Number.isNaN(mean)
    ? ""
    : `${(100 * mean).toFixed(digits)}${digits === 0 || stderr === null ? "" : ` ± ${(100 * stderr).toFixed(digits)}`}`;

/** Rows of Markdown. */
export const tableText = (heads: readonly string[], cells: readonly (readonly string[])[]): string =>
  [heads, heads.map(() => "---"), ...cells].map((row) => `| ${row.join(" | ")} |`).join("\n");
