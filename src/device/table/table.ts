import { z } from "zod";
import { MnasError } from "../../errors.ts";
import { describeTask, isSameTask, type Arch } from "../../space/arch.ts";
import { writeFileAtomically } from "../../util/files.ts";
import { version } from "../../version.ts";
import { heldOutSchema, provenanceSchema, readJson, taskSchema, type Provenance } from "../provenance.ts";
import { keyOf, layersOf, partsOf, type Part } from "./parts.ts";

const ms = z.number().finite();

/** The file of `mnas profile`. Times are milliseconds. */
export const tableSchema = z.strictObject({
  kind: z.literal("latency-table"),
  /** Of mnas. */
  version: z.string(),
  measuredOn: provenanceSchema,
  /** ISO 8601; null when it is not known. */
  time: z.string().nullable(),
  space: z.string().nullable(),
  task: taskSchema.nullable(),
  /** What the canary took at the beginning; null for devices that have none. */
  canaryMs: ms.nullable(),
  /** Networks take the sum of their parts times this. */
  scale: z.number().positive(),
  /** Of whole networks, each by the scale of the others; null where it is not known. */
  heldOut: heldOutSchema.nullable().default(null),
  /** Parts are missing that the space has. */
  isComplete: z.boolean(),
  /** Keys of parts that were measured while the device was not stable. */
  unstable: z.array(z.string()),
  /** What a network takes that has nothing but a 1×1 convolution to the size, pooling and classifier. */
  bases: z.record(z.string(), ms),
  /** Parts of networks by `keyOf`: a stem, some layers of a block, a head with pooling and classifier. */
  entries: z.record(z.string(), ms),
});
export type LatencyTable = z.output<typeof tableSchema>;

/** A table without times, of a space where it is known and begun at a time where there is one. */
export const emptyTable = (
  measuredOn: Provenance,
  about: Partial<Pick<LatencyTable, "time" | "space" | "task" | "canaryMs">> = {},
): LatencyTable => ({
  kind: "latency-table",
  version,
  measuredOn,
  time: null,
  space: null,
  task: null,
  canaryMs: null,
  ...about,
  scale: 1,
  heldOut: null,
  isComplete: false,
  unstable: [],
  bases: {},
  entries: {},
});

/** Throws `FILE_NOT_FOUND`, or `CONFIG_INVALID` when it is no table. */
export const readTable = (file: string): LatencyTable => readJson(file, tableSchema, "latency table");

export const writeTable = (file: string, table: LatencyTable): void =>
  writeFileAtomically(file, `${JSON.stringify(table, null, 1)}\n`);

const kindOf = (key: string): string => /\b(?:stem|head)/.exec(key)?.[0] ?? "block";

/** The words of a key, each with its numbers; the first is a size. */
const wordsOf = (key: string): Map<string, number[]> =>
  new Map(
    key.split(/[ _]/).map((word) => {
      const [, name = "", numbers = ""] = /^([a-z]*)(.*)$/.exec(word)!;
      return [name, numbers.split("x").map(Number)];
    }),
  );

/** How much a word counts that only one of two keys has: as much as a number that is seven times as large. */
const otherWord = 2;

/** How far two keys are apart: by the ratios of their numbers. */
function distanceOf(a: ReadonlyMap<string, number[]>, b: ReadonlyMap<string, number[]>): number {
  return [...new Set([...a.keys(), ...b.keys()])].reduce((sum, name) => {
    const [x, y] = [a.get(name), b.get(name)];
    if (x === undefined || y === undefined) return sum + otherWord;
    return sum + x.reduce((far, value, i) => far + Math.abs(Math.log((1 + value) / (1 + (y[i] ?? 0)))), 0);
  }, 0);
}

/** The key of the same kind whose numbers are nearest to another's; null when there is none. */
function nearest(key: string, keys: readonly string[]): string | null {
  const wanted = wordsOf(key);
  let best: { readonly key: string; readonly far: number } | null = null;
  for (const other of keys) {
    if (kindOf(other) !== kindOf(key)) continue;
    const far = distanceOf(wanted, wordsOf(other));
    if (far < (best?.far ?? Infinity)) best = { key: other, far };
  }
  return best?.key ?? null;
}

/** The entries that a part is the sum of: its own, or those of its layers. Throws `MODEL_INVALID` for a missing one. */
function timesOf({ entries }: LatencyTable, part: Part, name: string, hint: string): number[] {
  const own = entries[keyOf(part)];
  if (own !== undefined) return [own];
  const single = part.kind === "block" ? layersOf(part) : [part];
  return single.map((layer) => {
    const key = keyOf(layer);
    const found = entries[key];
    if (found !== undefined) return found;
    const near = nearest(key, Object.keys(entries));
    throw new MnasError(
      "MODEL_INVALID",
      `Cannot predict "${name}": the latency table has no "${key}"${near === null ? "" : `; the nearest it has is "${near}"`}`,
      { hint },
    );
  });
}

/**
 * Milliseconds of a network: the sum of its parts.
 *
 * @throws MnasError `MODEL_INVALID` naming the first part that the table does not have, and the nearest that it has.
 */
export function predictWith(table: LatencyTable, arch: Arch, name: string): number {
  const { task, isComplete } = table;
  const hint =
    task !== null && !isSameTask(task, arch.task)
      ? `The table is of networks for ${describeTask(task)}; profile the space for ${describeTask(arch.task)}.`
      : isComplete
        ? "Profile a space that has it."
        : "The table is not complete; go on with `mnas profile`.";
  const times = partsOf(arch).flatMap((part) => timesOf(table, part, name, hint));
  return table.scale * times.reduce((sum, time) => sum + time, 0);
}
