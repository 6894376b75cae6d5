/* A worker with a short lease: `lease-worker.ts RUN_DIR NAME` takes trials until the only one has ended. */
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { loadDataset } from "../src/data/dataset.ts";
import { builtinEvaluator } from "../src/evaluator/builtin.ts";
import { openStore } from "../src/store/sqlite.ts";
import { work } from "../src/worker/work.ts";

const [runDir = "", name = ""] = process.argv.slice(2);
const store = openStore(join(runDir, "study.db"));
const config = store.get("config")!;
const dataset = await loadDataset(undefined, { seed: config.seed });
const evaluator = builtinEvaluator(dataset);
const say = (message: object): void => void process.send?.(message);
while (store.trials("search").some(({ state }) => state === "waiting" || state === "running")) {
  await work({
    store,
    evaluator,
    config,
    dataset,
    runDir,
    name,
    signal: new AbortController().signal,
    say,
    leaseMs: 300,
  });
  await wait(20);
}
say({ kind: "idle" });
