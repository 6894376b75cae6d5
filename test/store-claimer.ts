/* A process that takes all it can get: `store-claimer.ts FILE WORKER`. */
import { openStore } from "../src/store/sqlite.ts";

const [file = "", worker = ""] = process.argv.slice(2);
using store = openStore(file);
const taken: number[] = [];
for (;;) {
  const trial = store.claim({ worker, now: Date.now(), leaseMs: 60_000 });
  if (trial === null) break;
  taken.push(trial.number);
}
process.send?.(taken, () => process.disconnect());
