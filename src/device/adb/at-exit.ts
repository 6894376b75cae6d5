import { endingSignals } from "../../util/signals.ts";

/** What has to be undone elsewhere when this process ends before it could do so in its own time. */
const open = new Set<() => void>();

function cleanAll(): void {
  for (const clean of open) clean();
  open.clear();
  unlisten();
}

/** Who else listens to a signal ends things in order, and `exit` comes after it. Otherwise the signal ends the process. */
function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  cleanAll();
  process.kill(process.pid, signal);
}

function unlisten(): void {
  process.off("exit", cleanAll);
  for (const signal of endingSignals) process.off(signal, onSignal);
}

/**
 * Has `clean` called when the process ends, also by a signal; it must not take long, and cannot wait.
 *
 * @returns what takes that back.
 */
export function atExit(clean: () => void): () => void {
  if (open.size === 0) {
    process.on("exit", cleanAll);
    for (const signal of endingSignals) process.on(signal, onSignal);
  }
  open.add(clean);
  return () => {
    if (open.delete(clean) && open.size === 0) unlisten();
  };
}
