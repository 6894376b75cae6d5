import { onEndingSignal } from "../util/signals.ts";

/** Resolves when the user ends the command, with Ctrl-C or a signal; a second one ends it at once. */
export const untilStopped = (): Promise<void> => new Promise((resolve) => void onEndingSignal(() => resolve()));
