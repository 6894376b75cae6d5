import type { ReportTrial } from "./data.ts";

/** Stands where there is no value. */
export const dash = "–";

/** `88.10 %` */
export const percent = (share: number | null): string => (share === null ? dash : `${(100 * share).toFixed(2)} %`);

/** `88.10 ± 0.72 %`, the second being one standard error. */
export const percentWithError = (share: number | null, error: number | null): string =>
  share === null || error === null ? percent(share) : `${(100 * share).toFixed(2)} ± ${(100 * error).toFixed(2)} %`;

/** `0.312 ms`, to about three digits. */
export const ms = (value: number | null): string =>
  value === null ? dash : `${value.toFixed(value >= 100 ? 1 : value >= 1 ? 2 : 3)} ms`;

export const reward = (value: number | null): string => (value === null ? dash : value.toFixed(4));

const units: readonly (readonly [number, string])[] = [
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

/** `311 M`, to three digits. */
export function compact(n: number): string {
  // Half a digit early, so that 999,999 is 1.00 M and not 1000 k.
  const unit = units.find(([size]) => n >= 0.9995 * size);
  return unit === undefined ? String(n) : `${(n / unit[0]).toPrecision(3)} ${unit[1]}`;
}

/** `1 trial`, `2 trials` */
export const plural = (n: number, word: string): string => `${n} ${word}${n === 1 ? "" : "s"}`;

/** `a, b and c` */
export const listed = (items: readonly string[]): string =>
  items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)!}`;

/** Text of at most `length` letters; what is left out shows as an ellipsis. */
export function shortened(text: string, length: number): string {
  const letters = Array.from(text);
  return letters.length > length ? `${letters.slice(0, length - 1).join("")}…` : text;
}

/** How a latency is called: a proxy is never shown without saying so. */
export const latencyName = (isProxy: boolean): string => (isProxy ? "Proxy latency" : "Latency");

/** `2026-11-03 14:05 UTC` for an ISO time in UTC; other text as it is. */
export const time = (iso: string): string =>
  iso.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?Z$/, "$1 $2 UTC");

/** What the mouse gets to see of a trial. */
export function tooltip(trial: ReportTrial, isProxy: boolean): string {
  const { number, state, latencyMs, accuracy, accuracyError, reason, notation } = trial;
  const facts = [
    latencyMs === null ? null : `${ms(latencyMs)}${isProxy ? " (proxy)" : ""}`,
    accuracy === null ? null : `${percentWithError(accuracy, accuracyError)} validation accuracy`,
    trial.reward === null ? null : `reward ${reward(trial.reward)}`,
  ].filter((fact) => fact !== null);
  const end = state === "complete" ? "" : `: ${state === "pruned" ? "not trained" : state}`;
  const why = reason === null ? [] : [reason];
  return [`Trial ${number}${end}`, facts.join(" · "), ...why, notation].filter((line) => line !== "").join("\n");
}
