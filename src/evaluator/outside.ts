import { existsSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { buildGraph } from "../arch/build.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Weights } from "../graph/weights.ts";
import { parseArch } from "../space/notation.ts";
import { readWeights } from "../train/checkpoint.ts";
import { makeFolder } from "../util/files.ts";
import { converse, type ConversationOptions, type Reply } from "./conversation.ts";
import { EvaluationFailed, type Evaluation, type Evaluator } from "./evaluator.ts";
import { quoted } from "./lines.ts";
import { trainRequest } from "./request.ts";

export interface OutsideOptions extends ConversationOptions {
  readonly dataset: Dataset;
  /** The folder that `exportData` filled. */
  readonly dataDir: string;
}

/** A share of correct answers in an answer; fails the network for anything else. */
function shareOf({ answer, line }: Reply, key: "accuracy" | "testAccuracy"): number {
  const value = answer[key];
  if (typeof value === "number" && value >= 0 && value <= 1) return value;
  throw new EvaluationFailed(`its ${key} is not a number from 0 to 1: ${quoted(line)}`);
}

function weightsIn(file: string, notation: string): Weights | null {
  if (!existsSync(file)) return null;
  const weights = readWeights(file, buildGraph(parseArch(notation)));
  for (const [name, values] of weights) {
    if (values.some((value) => !Number.isFinite(value)))
      throw new EvaluationFailed(`its weights "${name}" are not finite`);
  }
  return weights;
}

/** A program of the user's that trains; `docs/evaluators.md` has the protocol. */
export function outsideEvaluator({ dataset, dataDir, ...options }: OutsideOptions): Evaluator {
  const conversation = converse(options);
  let isWarned = false;
  return {
    async *evaluate(order, signal): AsyncGenerator<{ step: number; steps: number }, Evaluation> {
      const { notation, scratchFile, withTest } = order;
      makeFolder(dirname(scratchFile));
      // What an evaluator left that died is not of this try.
      rmSync(scratchFile, { force: true });
      const start = performance.now();
      const reply = yield* conversation.ask(trainRequest(order, dataset, dataDir), signal);
      const passed = (performance.now() - start) / 1000;
      const { error, testAccuracy, latencyMs, seconds } = reply.answer;
      if (error !== undefined) throw new EvaluationFailed(error);
      if (latencyMs !== undefined && !isWarned) {
        isWarned = true;
        options.warn('the evaluator gave a latencyMs that nobody asked for; with device "evaluator" it is asked first');
      }
      const accuracy = shareOf(reply, "accuracy");
      const isTested = withTest && testAccuracy !== undefined && testAccuracy !== null;
      const weights = weightsIn(scratchFile, notation);
      rmSync(scratchFile, { force: true });
      return {
        accuracy,
        testAccuracy: isTested ? shareOf(reply, "testAccuracy") : null,
        seconds: typeof seconds === "number" && Number.isFinite(seconds) ? seconds : passed,
        weights,
      };
    },
    [Symbol.dispose]: () => conversation[Symbol.dispose](),
  };
}
