import type { Latency } from "../../latency.ts";
import { MnasError } from "../../errors.ts";
import type { Arch, Task } from "../../space/arch.ts";
import { measureSteadily } from "../canary.ts";
import type { DeviceModel, LatencyDevice, MeasureOptions } from "../device.ts";
import { agreement, type HeldOut } from "../predict/fit.ts";
import { median } from "../statistics.ts";
import { keyOf, layeredParts, type Part, type Size } from "./parts.ts";
import { predictWith, type LatencyTable } from "./table.ts";

/*
 * A layer is timed as a difference: a network of a 1×1 convolution, the layer, pooling and a classifier, less the same
 * network without the layer, its base. What the convolution, pooling, classifier and call take cancels. Only pooling is
 * not the same behind both; but over a whole network these differences add up to that of the last pooling and the
 * first, which head and stem have. So sums are exact where a device's times are sums.
 */

/** What a table is measured with. */
export interface ProfileOptions {
  readonly device: LatencyDevice;
  readonly task: Task;
  readonly parts: readonly Part[];
  /** Whole networks that show what the sums have to be multiplied by; all of their parts are among `parts`. */
  readonly networks: readonly Arch[];
  readonly modelOf: (arch: Arch) => DeviceModel;
  readonly signal?: AbortSignal | undefined;
  /** Called with the table so far after every few measurements. */
  readonly onProgress: (table: LatencyTable, progress: ProfileProgress) => void;
}

export interface ProfileProgress {
  readonly done: number;
  readonly total: number;
}

/** Shorter than for a network of a search: there are many, and their errors cancel in sums. */
export const partTiming: MeasureOptions = { warmupMs: 60, minMs: 150, maxMs: 200 };
/** A base is in many entries. */
const baseTiming: MeasureOptions = { warmupMs: 100, minMs: 600, maxMs: 1200 };
/** What was unstable is measured once more when all else is done: the device may have become stable. */
const passes = 2;
/** Parts that are measured between two looks at the canary. */
const batchSize = 16;

/** Fewer whole networks say nothing of errors, nor are unstable ones left out for them. */
const leastWholes = 5;

const none = { filters: 0 };

/** A whole network: the sum of its parts, and what it took. */
interface Whole {
  readonly sumMs: number;
  readonly ms: number;
  readonly isUnstable: boolean;
}

const scaleOf = (wholes: readonly Whole[]): number =>
  wholes.length === 0 ? 1 : median(wholes.map(({ ms, sumMs }) => ms / sumMs));

/** How far off sums are, each times the scale of the others. */
const heldOutOf = (wholes: readonly Whole[]): HeldOut =>
  agreement(
    wholes.map((whole) => whole.sumMs * scaleOf(wholes.filter((other) => other !== whole))),
    wholes.map(({ ms }) => ms),
  );

/** The smallest network around a part, and without one the base. */
export function networkAround(task: Task, size: Size, part?: Part): Arch {
  const [height, width, filters] = size;
  if (part?.kind === "stem") return { task, stem: part.stem, blocks: [], head: none, dropout: 0 };
  return {
    task: { ...task, height, width },
    stem: { kernel: 1, stride: 1, filters },
    blocks: part?.kind === "block" ? [part.block] : [],
    head: part?.kind === "head" ? part.head : none,
    dropout: 0,
  };
}

const baseOf = (size: Size): string => size.join("x");

/** What a table still lacks: parts that were not measured, or not on a stable device. */
export const missingParts = ({ entries, unstable }: LatencyTable, parts: readonly Part[]): Part[] => {
  const bad = new Set(unstable);
  return parts.filter((part) => entries[keyOf(part)] === undefined || bad.has(keyOf(part)));
};

/** Batches of parts that get values of one size, so that they share a base. */
const batchesOf = (parts: readonly Part[]): Part[][] =>
  [...Map.groupBy(parts, ({ kind, size }) => `${kind === "stem"} ${baseOf(size)}`).values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / batchSize) }, (_, i) =>
      group.slice(i * batchSize, (i + 1) * batchSize),
    ),
  );

/**
 * Measures the parts that a table lacks, then a few whole networks. A part that the device cannot run stays out of the
 * table.
 *
 * @returns the table with them.
 */
export async function profile(start: LatencyTable, options: ProfileOptions): Promise<LatencyTable> {
  const { device, task, parts, networks, modelOf, signal, onProgress } = options;
  const total = parts.length + networks.length;
  if (missingParts(start, parts).length === 0 && start.isComplete) return start;
  let table = start;
  /** Parts that the device cannot run. */
  const refused = new Set<string>();
  const missing = (): Part[] => missingParts(table, parts).filter((part) => !refused.has(keyOf(part)));

  const time = async (arch: Arch, timing: MeasureOptions): Promise<Latency | null> => {
    try {
      return await device.measure(modelOf(arch), { ...timing, signal });
    } catch (error) {
      if (error instanceof MnasError && error.code === "MODEL_INVALID") return null;
      throw error;
    }
  };
  const timeBatch = async (batch: readonly Part[], bases: Readonly<Record<string, number>>) => {
    const [{ kind, size }] = batch as readonly [Part];
    const name = baseOf(size);
    const known = kind === "stem" ? 0 : bases[name];
    const base = known === undefined ? await time(networkAround(task, size), baseTiming) : null;
    const baseMs = known ?? base?.medianMs;
    const entries: Record<string, number> = {};
    const [unstable, impossible]: [string[], string[]] = [[], []];
    for (const part of batch) {
      const key = keyOf(part);
      const latency = await time(networkAround(task, size, part), partTiming);
      if (latency === null || baseMs === undefined) {
        impossible.push(key);
        continue;
      }
      entries[key] = latency.medianMs - baseMs;
      if (latency.isUnstable || base?.isUnstable === true) unstable.push(key);
    }
    // The base of an unstable batch is not used again.
    return { entries, unstable, impossible, bases: base === null || base.isUnstable ? {} : { [name]: base.medianMs } };
  };

  for (let pass = 1; pass <= passes; pass++) {
    // What a base takes changes with time, so those of an earlier pass, or day, are not used.
    let bases: Readonly<Record<string, number>> = {};
    for (const batch of batchesOf(missing())) {
      const { result, isUnstable } = await measureSteadily(device, () => timeBatch(batch, bases), { signal });
      for (const key of result.impossible) refused.add(key);
      if (!isUnstable) bases = { ...bases, ...result.bases };
      const measured = Object.keys(result.entries);
      table = {
        ...table,
        bases: { ...table.bases, ...bases },
        entries: { ...table.entries, ...result.entries },
        unstable: [
          ...table.unstable.filter((key) => !measured.includes(key)),
          ...(isUnstable ? measured : result.unstable),
        ],
      };
      onProgress(table, { done: parts.length - missing().length, total });
    }
  }

  const known = networks.filter((arch) => missingParts({ ...table, unstable: [] }, layeredParts(arch)).length === 0);
  const { result: measured } = await measureSteadily(
    device,
    async () => {
      const all: Whole[] = [];
      for (const arch of known) {
        const latency = await time(arch, {});
        if (latency === null) continue;
        const sumMs = predictWith({ ...table, scale: 1 }, arch, "network");
        all.push({ sumMs, ms: latency.medianMs, isUnstable: latency.isUnstable });
      }
      return all;
    },
    { signal },
  );
  const stable = measured.filter((whole) => !whole.isUnstable);
  const wholes = stable.length >= leastWholes ? stable : measured;
  table = {
    ...table,
    scale: scaleOf(wholes),
    heldOut: wholes.length < leastWholes ? null : heldOutOf(wholes),
    isComplete: parts.every((part) => table.entries[keyOf(part)] !== undefined),
  };
  onProgress(table, { done: total, total });
  return table;
}
