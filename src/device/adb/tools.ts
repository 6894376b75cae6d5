import { createHash } from "node:crypto";
import { MnasError } from "../../errors.ts";
import { readFile } from "../../util/files.ts";
import type { DeviceModel } from "../device.ts";
import { benchmarkModelArgs, parseBenchmarkModel } from "./benchmark-model.ts";
import { parsePerfTest, perfTestArgs } from "./perf-test.ts";
import type { ToolPlan, ToolRun } from "./tool-run.ts";

export type ToolName = "tflite" | "onnx";

/** A program that times models on phones; the user has it. */
export interface Tool {
  readonly runtime: string;
  /** Name of its file. */
  readonly file: string;
  /** The environment variable with the path of the file. */
  readonly variable: string;
  readonly hint: string;
  readonly extension: string;
  readonly bytes: (model: DeviceModel) => Uint8Array;
  readonly args: (plan: ToolPlan) => string[];
  /** Null when the output is not that of a run that succeeded. */
  readonly parse: (output: string) => ToolRun | null;
}

function tfliteOf({ name, tflite }: DeviceModel): Uint8Array {
  if (tflite !== null) return tflite();
  throw new MnasError("MODEL_INVALID", `Cannot measure "${name}" with benchmark_model: it is no TFLite model`, {
    hint: "Give it as a .tflite file, or measure it with ONNX Runtime: --device adb@onnx.",
  });
}

export const tools: Readonly<Record<ToolName, Tool>> = {
  tflite: {
    runtime: "LiteRT benchmark_model",
    file: "benchmark_model",
    variable: "MNAS_BENCHMARK_MODEL",
    hint: "Download android_aarch64_benchmark_model, linked from ai.google.dev/edge/litert/models/measurement, and set MNAS_BENCHMARK_MODEL to its path.",
    extension: "tflite",
    bytes: tfliteOf,
    args: benchmarkModelArgs,
    parse: parseBenchmarkModel,
  },
  onnx: {
    runtime: "ONNX Runtime",
    file: "onnxruntime_perf_test",
    variable: "MNAS_ONNXRUNTIME_PERF_TEST",
    hint: "Build onnxruntime_perf_test for Android (onnxruntime.ai/docs/build/android.html) and set MNAS_ONNXRUNTIME_PERF_TEST to its path.",
    extension: "onnx",
    bytes: ({ onnx }) => onnx(),
    args: perfTestArgs,
    parse: parsePerfTest,
  },
};

/**
 * The file of a tool on this machine, and what tells its versions apart: neither tool says which it is.
 *
 * @throws MnasError `DEVICE_UNAVAILABLE` when the user has not said where it is, or it is not there.
 */
export function findTool({ variable, file, hint }: Tool, device: string): { path: string; version: string } {
  const fail = (why: string, cause?: unknown): never => {
    throw new MnasError("DEVICE_UNAVAILABLE", `Cannot open device "${device}": ${why}`, { hint, cause });
  };
  const path = process.env[variable] ?? "";
  if (path === "") return fail(`it needs ${file}, and ${variable} is not set`);
  try {
    const digest = createHash("sha256").update(readFile(path)).digest("hex");
    return { path, version: `unknown, SHA-256 ${digest.slice(0, 12)}` };
  } catch (error) {
    return fail(`${variable}: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}
