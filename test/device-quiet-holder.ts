/*
 * A process that works under a quiet lock: `device-quiet-holder.ts LOCK shared|exclusive TURNS LOG`. Each turn writes a
 * line to LOG when it begins and when it ends. With no LOG it takes the lock, says so, and never gives it back.
 */
import { appendFileSync } from "node:fs";
import { openQuietLock } from "../src/util/quiet.ts";

const [path = "", kind = "", turns = "", log = ""] = process.argv.slice(2);
using lock = openQuietLock(path);
const write = (what: string): void => appendFileSync(log, `${what} ${kind} ${process.pid}\n`);
const forEver = new Promise<never>(() => {});

function work(): void {
  write("begin");
  for (const until = performance.now() + 1; performance.now() < until;);
  write("end");
}

/** Shared work is synchronous, so the process stops here while it holds the lock. */
function block(): never {
  process.send?.("locked");
  for (;;) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
}

if (log === "") {
  if (kind === "shared") await lock.shared(block);
  await lock.exclusive(async () => {
    process.send?.("locked");
    // An open channel keeps the process from ending.
    process.on("message", () => {});
    await forEver;
  });
}
for (let turn = 0; turn < Number(turns); turn++) {
  if (kind === "shared") await lock.shared(work);
  else await lock.exclusive(async () => work());
}
