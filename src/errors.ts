/** Stable error codes; scripts match on these, never on message text. */
export type ErrorCode =
  | "USAGE"
  | "CONFIG_INVALID"
  | "SPACE_INVALID"
  | "SPACE_MISMATCH"
  | "ARCH_INVALID"
  | "GRAPH_INVALID"
  | "MODEL_INVALID"
  | "DATA_INVALID"
  | "DATA_NOT_FOUND"
  | "FILE_NOT_FOUND"
  | "RUN_BUSY"
  | "RUN_EXISTS"
  | "RUN_INVALID"
  | "RUN_MISMATCH"
  | "RUN_NOT_FOUND"
  | "TRIAL_NOT_FOUND"
  | "DEVICE_INVALID"
  | "DEVICE_UNAVAILABLE"
  | "DISK_FAULTY"
  | "DISK_FULL"
  | "MEMORY_FULL"
  | "EVALUATOR_INVALID"
  | "EVALUATOR_UNAVAILABLE"
  | "WORKER_UNAVAILABLE"
  | "TRAINING_FAILED"
  | "EXPORT_MISMATCH"
  | "INTERRUPTED";

/** Exit codes without an error of the table below: success, a defect of mnas, and a reader of our output that left. */
export const otherExitCodes = { done: 0, defect: 70, readerGone: 141 } as const;

/** Exit code of the process for each error; docs/exit-codes.md gives the meaning of each. */
export const exitCodes: Readonly<Record<ErrorCode, number>> = {
  EXPORT_MISMATCH: 1,
  TRAINING_FAILED: 1,
  USAGE: 2,
  CONFIG_INVALID: 2,
  SPACE_INVALID: 2,
  SPACE_MISMATCH: 2,
  ARCH_INVALID: 2,
  GRAPH_INVALID: 2,
  MODEL_INVALID: 2,
  DATA_INVALID: 2,
  DEVICE_INVALID: 2,
  RUN_EXISTS: 2,
  RUN_INVALID: 2,
  RUN_MISMATCH: 2,
  EVALUATOR_INVALID: 2,
  DATA_NOT_FOUND: 3,
  FILE_NOT_FOUND: 3,
  RUN_NOT_FOUND: 3,
  TRIAL_NOT_FOUND: 3,
  DEVICE_UNAVAILABLE: 4,
  DISK_FAULTY: 4,
  DISK_FULL: 4,
  MEMORY_FULL: 4,
  RUN_BUSY: 4,
  EVALUATOR_UNAVAILABLE: 4,
  WORKER_UNAVAILABLE: 4,
  INTERRUPTED: 130,
};

/** A failure the caller can act on. Bugs in our own code throw plain `Error`. */
export class MnasError extends Error {
  override readonly name = "MnasError";
  readonly code: ErrorCode;
  /** One imperative sentence: what to do next. */
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }
}
