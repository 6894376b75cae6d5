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

/** A bar on the last line of a terminal. */
export interface Bar {
  /** Whether there is a terminal to draw on; elsewhere nothing is drawn. */
  readonly isLive: boolean;
  readonly draw: (share: number, parts: readonly Part[]) => void;
  /** Takes it away, before a line is said. */
  readonly clear: () => void;
}

export function createBar(isQuiet = false): Bar {
  const isLive = !isQuiet && process.stderr.isTTY;
  let isDrawn = false;
  const clear = (): void => {
    if (isDrawn) process.stderr.write("\r\u001B[2K");
    isDrawn = false;
  };
  return {
    isLive,
    draw: (share, parts) => {
      if (!isLive) return;
      clear();
      // A bar longer than the terminal would wrap and could not be taken away.
      process.stderr.write(barLine(share, parts, process.stderr.columns || 80));
      isDrawn = true;
    },
    clear,
  };
}
