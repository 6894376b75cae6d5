/* Entry of a worker process: `main.js RUN_DIR NAME`, with a message channel to its parent and the file of the images. */
import { join } from "node:path";
import { onCacheFault } from "../data/cache.ts";
import { onDamage } from "../data/damage.ts";
import { readFiled } from "../data/filed.ts";
import { openQuietLock } from "../util/quiet.ts";
import { MnasError, otherExitCodes } from "../errors.ts";
import { builtinEvaluator } from "../evaluator/builtin.ts";
import { dataFolder } from "../evaluator/data.ts";
import { outsideEvaluator } from "../evaluator/outside.ts";
import { leaveSignalsToParent } from "../util/signals.ts";
import { onStoreWait } from "../store/patience.ts";
import { openStore } from "../store/sqlite.ts";
import { isOutOfMemory, preferToKill } from "../util/machine.ts";
import type { FromWorker, ToWorker } from "./messages.ts";
import { work } from "./work.ts";

// When memory is short, it is better to lose a training than the search.
preferToKill();

const [runDir = "", name = ""] = process.argv.slice(2);
/** As the pool opens it, behind the channel. */
const datasetFd = 4;
const stop = new AbortController();
// A message that cannot be sent is for a parent that is gone, which `disconnect` tells.
const say = (message: FromWorker): void => void process.send?.(message, undefined, undefined, () => {});

onDamage((damage) => say({ kind: "damage", damage }));
// The command itself has said it.
onCacheFault(() => {});
onStoreWait((message) => {
  say({ kind: "held", message });
  return () => {};
});
// A worker without its parent has nobody to work for.
process.on("disconnect", () => stop.abort());
leaveSignalsToParent();
let begin = (): void => {};
process.on("message", (message: ToWorker) => (message.kind === "stop" ? stop.abort() : begin()));

async function start(): Promise<void> {
  const store = openStore(join(runDir, "study.db"));
  const config = store.get("config")!;
  const dataset = readFiled(datasetFd);
  const lock = openQuietLock();
  const settings = config.evaluate;
  const evaluator =
    settings === null
      ? builtinEvaluator(dataset, (step) => lock.shared(step))
      : outsideEvaluator({
          settings,
          dataset,
          dataDir: dataFolder(runDir),
          log: () => join(runDir, "evaluator.log"),
          warn: (message) => say({ kind: "warning", message }),
          onProcess: (pid) => say({ kind: "program", pid }),
        });

  let isBusy = false;
  const take = async (): Promise<void> => {
    isBusy = true;
    await work({ store, evaluator, config, dataset, runDir, name, signal: stop.signal, say });
    isBusy = false;
    if (!stop.signal.aborted) say({ kind: "idle" });
  };
  const leave = (): void => {
    if (isBusy) return;
    evaluator[Symbol.dispose]();
    lock[Symbol.dispose]();
    store[Symbol.dispose]();
    process.exit(0);
  };
  begin = () => {
    if (!isBusy) void take().then(() => (stop.signal.aborted ? leave() : undefined), give);
  };
  stop.signal.addEventListener("abort", leave);
  if (stop.signal.aborted) leave();
  say({ kind: "ready" });
}

/** Says why the worker cannot go on, if that is the user's to mend, and ends; otherwise dies with the error. */
function give(error: unknown): void {
  const isFull = isOutOfMemory(error);
  if (!(error instanceof MnasError || isFull)) {
    console.error(error);
    process.exit(otherExitCodes.defect);
  }
  const { message: text } = error as Error;
  const message: FromWorker =
    error instanceof MnasError
      ? { kind: "unable", code: error.code, message: text, hint: error.hint ?? null }
      : { kind: "unable", code: "MEMORY_FULL", message: text, hint: null };
  if (process.send === undefined) process.exit(1);
  process.send(message, () => process.exit(1));
}

start().catch(give);
