/* Entry of a thread that shares the batches of a training; `parallel.ts` starts it. */
import { parentPort, workerData } from "node:worker_threads";
import { buildGraph } from "../arch/build.ts";
import { onDamage } from "../data/damage.ts";
import { openQuietLock } from "../util/quiet.ts";
import { MnasError } from "../errors.ts";
import { parseArch } from "../space/notation.ts";
import { joinTeam } from "./team.ts";
import { Diverged, train } from "./trainer.ts";
import type { FromThread, ThreadOrder } from "./parallel.ts";

const { notation, memory, rank, ...order } = workerData as ThreadOrder;
using lock = openQuietLock();
onDamage((damage) => parentPort!.postMessage({ damage } satisfies FromThread));
// The training is about to end: a step that has begun is not to wait.
const hurry = new AbortController();
parentPort!.once("message", () => hurry.abort()).unref();
try {
  const training = train({
    ...order,
    graph: buildGraph(parseArch(notation)),
    team: joinTeam(memory, rank),
    hold: (step) => lock.shared(step, { signal: hurry.signal }),
  });
  // What it yields is the same in all threads; the first one tells it.
  while ((await training.next()).done !== true);
} catch (error) {
  if (error instanceof MnasError) {
    const { code, message, hint = null } = error;
    parentPort!.postMessage({ code, message, hint } satisfies FromThread);
    // All threads find the same loss, so all of them know.
  } else if (!(error instanceof Diverged)) throw error;
}
