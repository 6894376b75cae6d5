import { buildGraph } from "../arch/build.ts";
import type { Dataset } from "../data/dataset.ts";
import { MnasError } from "../errors.ts";
import { parseArch } from "../space/notation.ts";
import { Diverged, train, type TrainOptions } from "../train/trainer.ts";
import { EvaluationFailed, type Evaluator } from "./evaluator.ts";

/** Whether an error tells of one network: its loss left the numbers, or it needs more memory than there is. */
const isFailure = (error: unknown): error is Error =>
  error instanceof Diverged || (error instanceof MnasError && error.code === "CONFIG_INVALID");

/** The trainer of mnas itself, on this thread. */
export function builtinEvaluator(dataset: Dataset, hold?: TrainOptions["hold"]): Evaluator {
  return {
    async *evaluate({ notation, recipe, seed, withTest, rungs = [] }, signal) {
      try {
        return yield* train({
          graph: buildGraph(parseArch(notation)),
          dataset,
          recipe,
          seed,
          withTest,
          rungs,
          signal,
          ...(hold === undefined ? {} : { hold }),
        });
      } catch (error) {
        if (isFailure(error)) throw new EvaluationFailed(error.message, { cause: error });
        throw error;
      }
    },
    [Symbol.dispose]: () => {},
  };
}
