import { paint } from "./output.ts";

/** A word or two beside the bar. */
interface Part {
  readonly text: string;
  /** Where there is too little room, the parts with the lowest go. */
  readonly rank: number;
}

const width = 24;

/** A bar and, as far as `columns` reach, what is said beside it. */
export function barLine(share: number, parts: readonly Part[], columns: number): string {
  const full = Math.round(Math.max(0, Math.min(1, share)) * width);
  const bar = paint("green", "█".repeat(full), process.stderr) + "░".repeat(width - full);
  let kept = parts.filter(({ text }) => text !== "");
  const beside = (): string => kept.map(({ text }) => text).join(" · ");
  while (kept.length > 0 && width + 1 + beside().length >= columns) {
    const least = Math.min(...kept.map(({ rank }) => rank));
    kept = kept.filter(({ rank }) => rank > least);
  }
  return kept.length === 0 ? bar : `${bar} ${beside()}`;
}
