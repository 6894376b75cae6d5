import { InvalidArgumentError } from "commander";
import { shellWords } from "../util/shell.ts";

/* Values of options, read from their texts. Each throws `InvalidArgumentError` with the form that it needs. */

const number = (need: string, holds: (n: number) => boolean) => (text: string) => {
  const value = Number(text);
  if (text.trim() === "" || !holds(value)) throw new InvalidArgumentError(`It must be ${need}.`);
  return value;
};
export const count = number("a positive integer", (n) => Number.isInteger(n) && n > 0);
export const countOrZero = number("0 or a positive integer", (n) => Number.isInteger(n) && n >= 0);
export const several = number("an integer of 5 or more", (n) => Number.isInteger(n) && n >= 5);
export const integer = number("an integer", Number.isInteger);
export const positive = number("a positive number", (n) => Number.isFinite(n) && n > 0);

/** `5%` or `0.05`. */
export function shareOf(text: string): number {
  const value = text.trim().endsWith("%") ? Number(text.trim().slice(0, -1)) / 100 : Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError("It must be a share from 0 to 1, like 5% or 0.05.");
  return value;
}

/** A number of images, or `any`. */
export const batch = (text: string): number | "any" =>
  text === "any"
    ? text
    : number("any, or an integer from 1 to 1024", (n) => Number.isInteger(n) && n > 0 && n <= 1024)(text);

/** `0.8,105e6` or `80%,105e6`. */
export function corner(text: string): { accuracy: number; cost: number } {
  const [accuracy = "", cost = "", ...rest] = text.split(",");
  const share = accuracy.endsWith("%") ? Number(accuracy.slice(0, -1)) / 100 : Number(accuracy);
  const isRight = share >= 0 && share <= 1 && Number(cost) > 0 && rest.length === 0;
  if (!isRight) throw new InvalidArgumentError("It must be an accuracy and a cost, like 80%,105e6.");
  return { accuracy: share, cost: Number(cost) };
}

/** A file or folder; an empty name is mostly a variable of a script that is not set. */
export const path = (text: string): string => {
  if (text === "") throw new InvalidArgumentError("It must not be empty.");
  return text;
};

/** A time such as `2ms`, `0.5ms`, `800us`, `0.01s`; a bare number is milliseconds. In ms. */
export function milliseconds(text: string): number {
  const [, value = "", unit = "ms"] = /^\s*([\d.eE+-]+)\s*(us|µs|ms|s)?\s*$/.exec(text) ?? [];
  const scale = { us: 1e-3, µs: 1e-3, ms: 1, s: 1e3 }[unit] ?? 1;
  const time = Number(value) * scale;
  if (value === "" || !Number.isFinite(time) || time <= 0)
    throw new InvalidArgumentError("It must be a time above 0, like 2ms or 800us.");
  return time;
}

/** `NAME=N`, any number of times. A name may hold the sign itself. */
export function dims(text: string, before: ReadonlyMap<string, number> = new Map()): ReadonlyMap<string, number> {
  const [, name = "", size = ""] = /^(.+)=(\d+)$/.exec(text) ?? [];
  if (!(Number(size) > 0))
    throw new InvalidArgumentError("It must be the name of an axis and its size, like frames=16.");
  return new Map([...before, [name, Number(size)]]);
}

/** `NAME[:PORT]`, any number of times; read where the server is opened. */
export const hosts = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];

/** A command as a shell would split it. */
export function words(text: string): string[] {
  const split = shellWords(text);
  if (split === null) throw new InvalidArgumentError("A quotation mark is not closed.");
  if (split.length === 0) throw new InvalidArgumentError("It must not be empty.");
  return split;
}
