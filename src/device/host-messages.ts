import type { ErrorCode } from "../errors.ts";
import type { Latency } from "../latency.ts";
import type { TimingOptions } from "./protocol.ts";

/** What the host device asks its process to do; one at a time. */
export interface Request {
  readonly name: string;
  readonly model: Uint8Array;
  /** Where the files lie that hold the weights of a model without them; null for one that has them. */
  readonly folder: string | null;
  readonly options: Omit<TimingOptions, "signal">;
}

/** What the process answers; `ready` comes once, before any request. */
export type Reply =
  | { readonly kind: "ready"; readonly cpu: string; readonly runtimeVersion: string; readonly threads: number }
  | { readonly kind: "latency"; readonly latency: Latency }
  | {
      readonly kind: "failed";
      readonly code: ErrorCode | null;
      readonly message: string;
      readonly hint: string | undefined;
      readonly cause: string;
    };
