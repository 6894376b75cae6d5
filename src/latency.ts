/**
 * Where numbers come from: timed by the device's own runtime, timed in a browser on it, timed in an emulator on this
 * machine, predicted from earlier measurements, or computed from multiply-adds. Numbers of different origins are not
 * compared.
 */
export type Origin = "native" | "web" | "emulated" | "predicted" | "proxy";

/** Statistics of timed runs, in milliseconds. */
export interface Timing {
  readonly medianMs: number;
  readonly p90Ms: number;
  /** 95 % interval of the median. */
  readonly lowMs: number;
  readonly highMs: number;
  readonly runs: number;
  /** Runs before, which are in none of the numbers. */
  readonly warmup: number;
}

/** A timing without the call of the runtime. */
export interface NetTiming extends Timing {
  /** Time of a call when the model does nothing; measured on its own and subtracted from all the others. */
  readonly overheadMs: number;
  /** True when the device was not as fast as it can be, or did not stay so, whenever it was measured. */
  readonly isUnstable: boolean;
}

/** How long one image takes, batch 1, and how that is known. */
export interface Latency extends NetTiming {
  readonly threads: number;
  /** Which hardware, for example "AMD EPYC". */
  readonly device: string;
  readonly runtime: string;
  readonly runtimeVersion: string;
  /** The part of the runtime that ran the model, for example "CPU" or "WebGPU". */
  readonly provider: string;
  /** Operating system, and the browser where one is in between. */
  readonly os: string;
  readonly origin: Origin;
  /** The prediction of a table or predictor for the same network, when the network was measured afterwards. */
  readonly predictedMs?: number;
  /** Remarks on these numbers, for example that a median is a mean. */
  readonly notes?: readonly string[];
  /** Of the device, where it tells, in °C. */
  readonly temperatureC?: { readonly before: number; readonly after: number };
  /** ISO 8601 time of the measurement; null for computed numbers, whose records are the same in every run. */
  readonly time: string | null;
}

/** The canary before and after a batch of measurements, in milliseconds. */
export interface CanaryRecord {
  readonly network: string;
  readonly beforeMs: number;
  readonly afterMs: number;
  /** How long the device was under load before, to measure it as warm as it gets; 0 for not at all. */
  readonly loadMs: number;
}

/** A latency as a run keeps it; versions before kept less. The canary stood beside its batch. */
export type LatencyRecord = Pick<Latency, "medianMs"> & Partial<Latency> & { readonly canary?: CanaryRecord | null };
