import { basename } from "node:path";
import { readTable } from "../data/table-rows.ts";
import { pointOf, type Prior } from "../device/predict/predictor.ts";
import type { Provenance } from "../device/provenance.ts";
import { median } from "../device/statistics.ts";
import { MnasError } from "../errors.ts";
import { describeTask, isSameTask, type Arch } from "../space/arch.ts";
import { formatArch } from "../space/notation.ts";
import { buildNetwork } from "../arch/network.ts";
import { deviceModel } from "../device/model.ts";
import { createRng } from "../util/rng.ts";
import type { FitSamples } from "./fit-device.ts";
import { findNetwork } from "./network.ts";
import { taskOptions } from "./network-options.ts";
import type { ListenOptions } from "./notices.ts";
import { say } from "./output.ts";

export interface TableFitOptions extends ListenOptions {
  /** CSV or JSON of networks and their latencies in ms. */
  readonly measurements: string;
  readonly device?: string;
  readonly space?: string;
  readonly samples?: number;
  readonly heldOut?: number;
  readonly prior?: string;
  readonly data?: string;
  readonly size?: number;
  readonly classes?: number;
  readonly seed?: number;
  readonly config?: string;
  readonly json?: boolean;
}

/** A predictor is fitted to as many at least, and tested with as many. */
const least = 5;
const mostTested = 15;
const networkNames = ["notation", "network", "arch", "architecture", "key", "model", "name"];
/** Only names that say the unit: a latency without one may be in anything. */
const msNames = ["ms", "latencyms", "medianms", "meanms", "timems"];

const hint =
  "Give a CSV with a header and a column `network` (a notation, zoo name or RUN#N) and a column `ms`; numbers have a decimal point.";

const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, "");

interface Measured {
  readonly arch: Arch;
  readonly ms: number;
}

/** Reads networks with their latencies; of a network that comes several times, the median. Throws `DATA_INVALID`. */
function readMeasurements({ measurements: file, size, classes }: TableFitOptions): Measured[] {
  const fail = (why: string, cause?: unknown): never => {
    throw new MnasError("DATA_INVALID", `Cannot fit to "${file}": ${why}`, { hint, cause });
  };
  const read = () => {
    try {
      return readTable(file);
    } catch (error) {
      if (!(error instanceof MnasError) || error.code !== "DATA_INVALID") throw error;
      return fail(error.message, error);
    }
  };
  const table = read() ?? fail("it is no table of rows");
  const find = (names: readonly string[], what: string): number => {
    const found = names
      .map((name) => table.columns.findIndex((column) => plain(column) === name))
      .find((at) => at >= 0);
    return found ?? fail(`it has no column of ${what}; there are ${table.columns.join(", ")}`);
  };
  const [networkAt, msAt] = [find(networkNames, "networks"), find(msNames, "milliseconds")];
  const times = new Map<string, { readonly arch: Arch; readonly all: number[] }>();
  for (const [i, row] of table.rows.entries()) {
    const [text = "", cell = ""] = [row[networkAt], row[msAt]];
    const ms = cell.trim() === "" ? Number.NaN : Number(cell);
    if (!(ms > 0 && ms < Infinity)) return fail(`row ${i + 1} has "${cell}" ms, must be a number above 0`);
    const { arch } = findNetwork(text, {}, taskOptions({ size, classes }));
    const wanted = { ...arch.task, ...taskOptions({ size, classes }) };
    if (!isSameTask(arch.task, wanted))
      return fail(`row ${i + 1} is for ${describeTask(arch.task)}, and options say ${describeTask(wanted)}`);
    const notation = formatArch(arch);
    const known = times.get(notation) ?? { arch, all: [] };
    known.all.push(ms);
    times.set(notation, known);
  }
  return [...times.values()].map(({ arch, all }) => ({ arch, ms: median(all) }));
}

/** Provenance of latencies that were measured elsewhere. */
function provenanceOf(file: string, device: string | undefined): Provenance {
  const name = device ?? basename(file);
  const unknown = "unknown";
  const where = { os: unknown, runtime: unknown, runtimeVersion: unknown, provider: unknown, threads: 0 };
  return { name, description: `${name}, by the measurements in ${basename(file)}`, device: name, ...where };
}

/** Refuses options that a file of measurements makes useless. Throws `USAGE`. */
function checkOptions(options: TableFitOptions): void {
  const flags = { data: "data", listen: "listen", allowHost: "allow-host", publicUrl: "public-url", space: "space" };
  const unused = Object.entries({ ...flags, config: "config" } as const).find(
    ([name]) => options[name as keyof TableFitOptions] !== undefined,
  );
  if (unused === undefined) return;
  throw new MnasError("USAGE", `Cannot apply --${unused[1]} to --measurements: nothing is measured`, {
    hint: "Leave it out; --device names the device that the measurements are of.",
  });
}

/**
 * The networks of a file of latencies, which were measured elsewhere. Random ones of them, by `seed`, are for the test.
 *
 * @throws MnasError `DATA_INVALID` for another file, or one of too few networks; as `findNetwork`; `USAGE`.
 */
export function tableSamples(options: TableFitOptions, prior: Prior): FitSamples {
  checkOptions(options);
  const { measurements: file, device, seed = 0, json = false } = options;
  const measured = readMeasurements(options);
  const heldOut = options.heldOut ?? Math.max(least, Math.min(mostTested, Math.floor(measured.length / 3)));
  const samples = options.samples ?? Math.max(least, measured.length - heldOut);
  if (samples + heldOut > measured.length) {
    throw new MnasError(
      "DATA_INVALID",
      `Cannot fit to "${file}": it has ${measured.length} different networks, must have ${samples + heldOut} or more`,
      { hint: "Use fewer --samples or --held-out, 5 at least, or measure more networks." },
    );
  }
  // Tables are often sorted.
  const all = createRng(seed)
    .fork("fit")
    .shuffle(measured.map(({ arch, ms }) => ({ ...pointOf(deviceModel(buildNetwork(arch)), prior), ms })));
  const { task } = measured[0]!.arch;
  const measuredOn = provenanceOf(file, device);
  if (!json) {
    say(`device   ${measuredOn.description}`);
    say(`prior    ${options.prior ?? "built in"}, of ${prior.measuredOn.description}`);
    say(`networks ${samples} to fit, ${heldOut} to test`);
  }
  return {
    measuredOn,
    time: null,
    space: null,
    task: measured.every(({ arch }) => isSameTask(arch.task, task)) ? task : null,
    fitted: all.slice(0, samples),
    tested: all.slice(samples, samples + heldOut),
    unstable: 0,
  };
}
