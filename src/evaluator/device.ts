import { computedLatency, type LatencyDevice } from "../device/device.ts";
import { MnasError } from "../errors.ts";
import type { Graph } from "../graph/graph.ts";
import { converse, type ConversationOptions, type Reply } from "./conversation.ts";
import { EvaluatorDied, type Step } from "./evaluator.ts";
import { quoted } from "./lines.ts";
import { latencyRequest } from "./request.ts";
import { createTurns } from "../util/async.ts";

async function lastOf<Result>(steps: AsyncGenerator<Step, Result>): Promise<Result> {
  for (;;) {
    const { done, value } = await steps.next();
    if (done === true) return value;
  }
}

/** The latency of an answer; throws `MODEL_INVALID` when it has none. */
function latencyOf({ answer: { error, latencyMs }, line }: Reply, name: string): number {
  if (typeof latencyMs === "number" && latencyMs > 0 && Number.isFinite(latencyMs)) return latencyMs;
  const why = error ?? `its latencyMs is not a number above 0: ${quoted(line)}`;
  throw new MnasError("MODEL_INVALID", `Cannot measure "${name}" with the evaluator: ${why}`);
}

/**
 * The device of whoever wrote the evaluator: its program is asked for latencies too, before anything is trained. What is
 * behind a number only the program knows, so that it counts as a prediction.
 */
export function openEvaluatorDevice(options: ConversationOptions): LatencyDevice {
  const conversation = converse(options);
  const inTurn = createTurns();
  let isClosed = false;
  const unable = (name: string, why: string, cause?: unknown): MnasError =>
    new MnasError("DEVICE_UNAVAILABLE", `Cannot measure "${name}": ${why}`, { cause });

  const ask = async (name: string, graph: Graph, signal: AbortSignal | undefined): Promise<number> => {
    if (isClosed) throw unable(name, "device evaluator is closed");
    try {
      return latencyOf(await lastOf(conversation.ask(latencyRequest(name, graph), signal)), name);
    } catch (error) {
      if (error instanceof EvaluatorDied) throw unable(name, `the evaluator died (${error.message})`, error);
      throw error;
    }
  };

  return {
    name: "evaluator",
    description: `what ${conversation.command} says`,
    origin: "predicted",
    measure: async ({ name, graph }, { signal } = {}) => {
      signal?.throwIfAborted();
      if (graph === null) {
        throw new MnasError("MODEL_INVALID", `Cannot measure "${name}": the evaluator gets no model files`);
      }
      return computedLatency(await inTurn(() => ask(name, graph, signal)), {
        device: "evaluator",
        runtime: conversation.command,
        runtimeVersion: "unknown",
        provider: "none",
        os: "any",
        origin: "predicted",
      });
    },
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
      conversation[Symbol.dispose]();
    },
  };
}
