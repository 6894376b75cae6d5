import type { Access } from "./remote/access.ts";

/** What a device tells while it is opened or measures; the command line shows it, `--json` prints it. */
export type Notice =
  /** A device may join, at any of these addresses until one has; another notice follows when they are too old. */
  | { readonly event: "join"; readonly urls: readonly string[]; readonly port: number; readonly isLocal: boolean }
  /** A device joined, or came back. */
  | {
      readonly event: "joined";
      /** For `--device`, once for each of its runtimes. */
      readonly names: readonly string[];
      readonly description: string;
    }
  | Warning;

/** Something that a user should know, and that does not stop the work. */
export interface Warning {
  readonly event: "warning";
  readonly message: string;
  /** The part of the message that differs among warnings of one kind, such as the name of a trial. */
  readonly subject?: string;
}

export interface OpenOptions {
  /** Told what a user should know: where a device may join, that one has, warnings. */
  readonly onNotice?: (notice: Notice) => void;
  /** Where devices that join find us; without it, on this machine alone. */
  readonly listen?: Access | undefined;
  /** Ends the wait for a device. */
  readonly signal?: AbortSignal | undefined;
}
