/* A process that starts ten runs, as fast as it can, in folders with default names. */
import { createRun } from "../src/study/run.ts";

const dirs = Array.from({ length: 10 }, () => {
  using run = createRun(undefined, () => {});
  return run.dir;
});
process.send?.(dirs);
