import { styleText } from "node:util";
import type { HeldOut } from "../device/predict/fit.ts";
import { exitCodes, MnasError, otherExitCodes } from "../errors.ts";

/** Results go to standard output. */
export const print = (text = ""): void => void process.stdout.write(`${text}\n`);

/** Everything that is not a result goes to standard error. */
export const say = (text = ""): void => void process.stderr.write(`${text}\n`);

/** Something that the user should know, and that does not stop the work. */
export const warn = (text: string): void => say(`${paint("yellow", "warning:", process.stderr)} ${text}`);

export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));

/** Colours that obey NO_COLOR, FORCE_COLOR and pipes, for a stream. */
export const paint = (
  format: Parameters<typeof styleText>[0],
  text: string,
  stream: NodeJS.WriteStream = process.stdout,
): string => styleText(format, text, { stream });

/** A line no longer than the terminal; in a pipe it stays whole. */
const cut = (line: string): string => {
  const { isTTY, columns } = process.stdout;
  return isTTY && columns > 0 && line.length > columns ? `${line.slice(0, columns - 1)}…` : line;
};

/** A sentence broken at words to fit a terminal, its further lines indented; in a pipe it stays one line. */
export function wrapped(text: string): string {
  const { isTTY, columns } = process.stdout;
  if (!isTTY || !(columns > 20)) return text;
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= columns) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(last === undefined ? word : `  ${word}`);
  }
  return lines.join("\n");
}

/** Rows under a header; columns of numbers are aligned right, and on a terminal a last column of words is cut to fit. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)));
  const isNumber = header.map((_, i) => rows.length > 0 && rows.every((row) => /^[-–\d]/.test(row[i]!)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (isNumber[i] === true ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join("  ")
      .trimEnd();
  const lines = [header, ...rows].map(line).map((text) => (isNumber.at(-1) === true ? text : cut(text)));
  return [paint("bold", lines[0]!), ...lines.slice(1)].join("\n");
}

const dash = "–";
export const percent = (share: number | null): string => (share === null ? dash : `${(100 * share).toFixed(2)} %`);
export const ms = (value: number | null): string => {
  if (value === null) return dash;
  const digits = value >= 100 ? 1 : value >= 1 ? 2 : 3;
  return `${value >= 0.01 ? value.toFixed(digits) : value.toPrecision(2)} ms`;
};
export const millions = (count: number): string => `${(count / 1e6).toFixed(2)} M`;
export const thousands = (count: number): string => (count >= 1e6 ? millions(count) : `${(count / 1e3).toFixed(1)} k`);
/** A number of things: `1 trial`, `8 trials`. */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
export const fixed = (value: number | null, digits = 4): string => (value === null ? dash : value.toFixed(digits));
/** How far off predictions are. */
export const heldOutText = ({ networks, mape, spearman, kendall }: HeldOut): string =>
  `${networks} networks: error ${percent(mape)} in the mean, Spearman ${fixed(spearman, 3)}, Kendall ${fixed(kendall, 3)}`;

/** Seconds as people say them: `8 s`, `2 min 05 s`, `1 h 10 min`. */
export function duration(seconds: number): string {
  const s = Math.round(seconds);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
}

/** Tells the user what went wrong, on standard error, and returns the exit code. */
export function reportError(error: unknown, { json }: { json: boolean }): number {
  const known = error instanceof MnasError;
  const code = known ? error.code : "BUG";
  const message = error instanceof Error ? error.message : String(error);
  const hint = known ? error.hint : "This is a defect of mnas; please report it with the lines above.";
  if (json) {
    say(JSON.stringify({ error: { code, message, ...(hint === undefined ? {} : { hint }) } }));
  } else {
    if (!known && error instanceof Error) say(error.stack ?? message);
    say(`${paint(["bold", "red"], "error:", process.stderr)} ${message}`);
    if (hint !== undefined) say(`${paint("bold", "hint:", process.stderr)} ${hint}`);
  }
  return known ? exitCodes[error.code] : otherExitCodes.defect;
}

/** How the user calls mnas: in a clone it is `npx mnas`. */
export const invocation = process.env["npm_command"] === "exec" ? "npx mnas" : "mnas";
