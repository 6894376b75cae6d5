import { z } from "zod";
import { MnasError } from "../../errors.ts";
import { describeTask, isSameTask, type Arch } from "../../space/arch.ts";
import { writeFileAtomically } from "../../util/files.ts";
import { version } from "../../version.ts";
import { provenanceSchema, readJson, taskSchema, type Provenance } from "../provenance.ts";
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
  isComplete: false,
  unstable: [],
  bases: {},
  entries: {},
});

/** Throws `FILE_NOT_FOUND`, or `CONFIG_INVALID` when it is no table. */
export const readTable = (file: string): LatencyTable => readJson(file, tableSchema, "latency table");

export const writeTable = (file: string, table: LatencyTable): void =>
  writeFileAtomically(file, `${JSON.stringify(table, null, 1)}\n`);

/** The key that shares most words with another; null when there is none. */
function nearest(key: string, keys: readonly string[]): string | null {
  const words = (text: string): string[] => text.split(/[ _]/);
  const wanted = words(key);
  let best: { readonly key: string; readonly shared: number } | null = null;
  for (const other of keys) {
    const has = new Set(words(other));
    const shared = wanted.filter((word) => has.has(word)).length;
    if (shared > (best?.shared ?? 0)) best = { key: other, shared };
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
