import type { ModelInput } from "../axes.ts";

/** The task of one process of a tool. */
export interface ToolPlan {
  /** Path of the model on the phone. */
  readonly model: string;
  /** Shapes that the tool must set; empty where the file has them. */
  readonly inputs: readonly ModelInput[];
  readonly runs: number;
  /** At least this long, and at least `runs`. */
  readonly seconds: number;
  readonly warmupSeconds: number;
  /** What a run takes, as far as it is known. */
  readonly expectedMs: number | null;
}

/** The report of a tool about the runs of one process, in milliseconds. */
export interface ToolRun {
  readonly count: number;
  readonly warmup: number;
  readonly medianMs: number;
  readonly p90Ms: number;
  readonly minMs: number;
  readonly deviationMs: number;
  readonly provider: string;
  /** How its report differs from a record. */
  readonly notes: readonly string[];
}
