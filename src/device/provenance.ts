import type { Latency } from "../latency.ts";
import { z } from "zod";
import { MnasError } from "../errors.ts";
import { readFile } from "../util/files.ts";
import { parseJson } from "../util/json.ts";
import type { HeldOut } from "./predict/fit.ts";
import { computedLatency, type LatencyDevice } from "./device.ts";

const text = z.string().min(1);

/** Where the numbers of a table or predictor were measured. */
export const provenanceSchema = z.strictObject({
  /** What `openDevice` opens, to measure there again. */
  name: text,
  description: text,
  device: text,
  os: text,
  runtime: text,
  runtimeVersion: text,
  provider: text,
  threads: z.int().min(0),
});
export type Provenance = z.output<typeof provenanceSchema>;

/** The task that networks were measured for. */
export const taskSchema = z.strictObject({
  height: z.int().positive(),
  width: z.int().positive(),
  channels: z.int().positive(),
  classes: z.int().positive(),
});

export const heldOutSchema: z.ZodType<HeldOut> = z.strictObject({
  mape: z.number().finite(),
  kendall: z.number().finite().nullable(),
  spearman: z.number().finite().nullable(),
  networks: z.int().positive(),
});

/** What a device that predicts says of its error in one line. */
export const errorText = ({ mape, networks, spearman }: HeldOut): string =>
  `off by ${(100 * mape).toFixed(1)} % on ${networks} others, Spearman ${spearman?.toFixed(3) ?? "–"}`;

/** Throws `USAGE` for a device that only predicts. */
export function checkMeasures({ name, origin }: LatencyDevice): void {
  if (origin !== "predicted") return;
  throw new MnasError("USAGE", `Cannot measure on "${name}": it predicts`, {
    hint: "Name the device whose latencies it predicts.",
  });
}

/** Where a device measures, by itself and one of its records. */
export function provenanceOf(
  { name, description }: LatencyDevice,
  { device, os, runtime, runtimeVersion, provider, threads }: Latency,
): Provenance {
  return { name, description, device, os, runtime, runtimeVersion, provider, threads };
}

/** What is different between where numbers were measured and a device, as `what: was → is`. */
export const provenanceChanges = (was: Provenance, is: Provenance): string[] =>
  (["name", "device", "runtime", "runtimeVersion", "provider", "threads"] as const).flatMap((key) =>
    was[key] === is[key] ? [] : [`${key}: ${was[key]} → ${is[key]}`],
  );

/** Nothing takes no time, whatever a sum of differences says. */
export const leastMs = 1e-6;

/** A record of what is predicted of the device that numbers were measured on. Throws `DEVICE_INVALID` for no finite time. */
export function predictedLatency(measuredOn: Provenance, ms: number): Latency {
  const { device, os, runtime, runtimeVersion, provider } = measuredOn;
  if (!Number.isFinite(ms)) {
    throw new MnasError(
      "DEVICE_INVALID",
      `Cannot predict latencies of "${measuredOn.name}": a network would take ${ms} ms`,
      {
        hint: "Make the file of the table or predictor again; its numbers do not fit together.",
      },
    );
  }
  return computedLatency(Math.max(leastMs, ms), { device, os, runtime, runtimeVersion, provider, origin: "predicted" });
}

/**
 * Reads a JSON file of a known form. Throws `FILE_NOT_FOUND`, or `CONFIG_INVALID` when it is something else.
 *
 * @param what for messages, for example `latency table`.
 */
export function readJson<T>(file: string, schema: z.ZodType<T>, what: string): T {
  const content = readFile(file).toString("utf8");
  const fail = (problem: string, cause: unknown): never => {
    throw new MnasError("CONFIG_INVALID", `Cannot read ${what} "${file}": ${problem}`, { cause });
  };
  let value: unknown;
  try {
    value = parseJson(content);
  } catch (error) {
    return fail("it is not JSON", error);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { kind } = (value ?? {}) as { readonly kind?: unknown };
  if (typeof kind !== "string" || !kind.startsWith("latency-")) return fail("it is something else", result.error);
  const isOther = !what.includes(kind.replace("latency-", ""));
  return fail(isOther ? `it is a ${kind.replace("-", " ")}` : `\n${z.prettifyError(result.error)}`, result.error);
}
