import { MnasError } from "../errors.ts";
import type { Task } from "../space/arch.ts";

/** Options that shape a network which the user names. */
export interface NetworkOptions {
  /** Width multiplier. */
  readonly width?: number | undefined;
  /** Side of the images in px. */
  readonly size?: number | undefined;
  readonly classes?: number | undefined;
}

/** A way to name a network, and the options that apply to it. */
export interface NetworkKind {
  readonly uses: readonly (keyof NetworkOptions)[];
  /** Why the other options do not apply, as a clause. */
  readonly reason: string;
  /** How to get the other network all the same, as a sentence. */
  readonly hint: string;
}

export const networkKinds = {
  zoo: { uses: ["width", "size", "classes"], reason: "", hint: "" },
  notation: {
    uses: [],
    reason: "a notation says its own images, classes and widths",
    hint: "Change `in…`, `classes…` or the blocks of the notation instead.",
  },
  file: {
    uses: [],
    reason: "the notation in the file says its own images, classes and widths",
    hint: "Make another file with `mnas models NAME --json` and the options.",
  },
  model: {
    uses: ["size"],
    reason: "the file says its own classes and widths",
    hint: "Leave it out, or export the network again.",
  },
  trial: {
    uses: [],
    reason: "a trial has the images, classes and widths of its run",
    hint: "Leave them out, or change the notation that `mnas show RUN#N` prints.",
  },
} as const satisfies Record<string, NetworkKind>;

/** Refuses options that would change nothing about a network. Throws `USAGE`. */
export function refuseUnused(
  text: string,
  { uses, reason, hint }: NetworkKind,
  { width, size, classes }: NetworkOptions,
): void {
  const given = Object.entries({ width, size, classes }).filter(([, value]) => value !== undefined);
  const unused = given.map(([name]) => name).filter((name) => !uses.some((used) => used === name));
  if (unused.length === 0) return;
  const names = unused.map((name) => `--${name}`).join(" and ");
  throw new MnasError("USAGE", `Cannot apply ${names} to "${text}": ${reason}`, { hint });
}

/** The images and classes that options ask for. */
export const taskOptions = ({ size, classes }: NetworkOptions): Partial<Task> => ({
  ...(size === undefined ? {} : { height: size, width: size }),
  ...(classes === undefined ? {} : { classes }),
});
