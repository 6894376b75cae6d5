import { readFileSync, readdirSync } from "node:fs";
import { resolveConfig } from "../../src/config/config.ts";
import { parseBenchmarkModel } from "../../src/device/adb/benchmark-model.ts";
import { fastestCores, parseFacts, parseTemperature } from "../../src/device/adb/facts.ts";
import { parseDevices } from "../../src/device/adb/list.ts";
import { parsePerfTest } from "../../src/device/adb/perf-test.ts";
import type { ToolRun } from "../../src/device/adb/tool-run.ts";
import { parseDeviceMessage, parseSearchMessage } from "../../src/device/remote/schemas.ts";
import { MnasError } from "../../src/errors.ts";
import { parseLine } from "../../src/evaluator/lines.ts";
import { formatArch, parseArch } from "../../src/space/notation.ts";
import { networkOf } from "../../src/arch/network.ts";
import { notation } from "./files.ts";
import { must, type Reader } from "./reader.ts";

const textOf = (input: Uint8Array): string => new TextDecoder().decode(input);

/** The outputs of a phone in the transcripts that answer a command. */
const folder = new URL("../adb/", import.meta.url);
const calls = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .flatMap((name) => JSON.parse(readFileSync(new URL(name, folder), "utf8")) as { args: string[]; stdout: string }[]);
const said = (form: RegExp): string[] => [
  ...new Set(
    calls.filter(({ args, stdout }) => form.test(args.join(" ")) && stdout !== "").map(({ stdout }) => stdout),
  ),
];

function checkRun(run: ToolRun | null): void {
  if (run === null) return;
  const { count, warmup, medianMs, p90Ms, minMs, deviationMs } = run;
  must(
    [count, warmup, medianMs, p90Ms, minMs, deviationMs].every((value) => value >= 0 && value < Infinity),
    "a time is no number",
  );
  must(medianMs > 0 && count > 0, "it takes no time or was not run");
}

/** A read text must be of a kind, or an error. */
const checkMessage = (message: { readonly kind: string } | Error): void =>
  must(message instanceof Error || typeof message.kind === "string", "it has no kind");

function readNotation(text: string): void {
  const arch = parseArch(text);
  const { graph, costs } = networkOf(arch);
  must(Number.isFinite(costs.madds) && costs.params > 0, "its costs are no numbers");
  must(graph.nodes.length > 0, "it has no nodes");
  const again = formatArch(arch);
  must(formatArch(parseArch(again)) === again, "its own notation is another");
}

function readConfig(text: string): void {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Only values reach a config.
    throw new MnasError("CONFIG_INVALID", "it is no JSON");
  }
  const { trials, gate, target, final } = resolveConfig(value, "config");
  must(
    [trials, gate, target ?? 1].every((number) => number > 0 && number < Infinity),
    "a setting is not above 0",
  );
  must(Number.isFinite(final.epochs) && Number.isFinite(final.learningRate), "its recipe is no number");
}

const config = {
  space: "mnasnet-tiny",
  data: "photos",
  size: 32,
  mostDamaged: 0.1,
  device: "host",
  targets: [1, 2],
  searcher: "evolution",
  reward: { kind: "hard", alpha: -0.1 },
  trials: 8,
  batch: 4,
  workers: 2,
  seed: 3,
  gate: 1.5,
  proxy: { preset: "proxy", epochs: 1, batch: 32 },
  stopping: { rungs: [0.1, 0.5], keep: 0.5 },
};
const search = { ...config, targets: undefined, target: 3, stopping: true, evaluate: undefined };

const hello = {
  kind: "hello",
  protocol: 1,
  token: "t",
  name: "phone",
  device: "d",
  os: "o",
  runtimes: [{ id: "onnx-wasm", runtime: "r", version: "1", provider: "p", threads: 1, format: "onnx" }],
};
const result = { kind: "result", id: "a", samples: [0.1, 0.2], batch: 1, warmup: 1, timerMs: 0 };
const job = {
  kind: "job",
  id: "a",
  name: "n",
  runtime: "onnx-wasm",
  format: "onnx",
  bytes: 3,
  sha256: "0".repeat(64),
  options: { warmupMs: 1, minMs: 1, maxMs: 1, minRuns: 9, tolerance: 1, loadMs: 0, startMs: 5000 },
};

export const textReaders: readonly Reader[] = [
  {
    name: "notations",
    samples: [notation, "in32x32x3 stem8_k3_s11 r1_k5_s22_conv_i8_o16_pool_relu6_pact head0 classes2"],
    read: (input) => readNotation(textOf(input)),
  },
  {
    name: "configs",
    samples: [JSON.stringify(config), JSON.stringify(search)],
    read: (input) => readConfig(textOf(input)),
  },
  {
    name: "lists of adb",
    samples: said(/^devices$/),
    read: (input) =>
      must(
        parseDevices(textOf(input)).every(({ serial, state }) => serial !== "" && state !== ""),
        "a phone has no name",
      ),
  },
  {
    name: "facts of phones",
    samples: said(/getprop/),
    read: (input) => {
      const { frequencies } = parseFacts(textOf(input));
      must(/^[0-9a-f]{1,256}$/.test(fastestCores(frequencies) ?? "f"), "its cores are no mask");
    },
  },
  {
    name: "temperatures",
    samples: said(/battery/),
    read: (input) => must(Math.abs(parseTemperature(textOf(input)) ?? 0) < 1000, "it is too hot"),
    share: 0.5,
  },
  {
    name: "benchmark_model",
    samples: said(/benchmark_model --graph/),
    read: (input) => checkRun(parseBenchmarkModel(textOf(input))),
  },
  {
    name: "onnxruntime_perf_test",
    samples: said(/perf_test -e/),
    read: (input) => checkRun(parsePerfTest(textOf(input))),
  },
  {
    name: "lines of evaluators",
    samples: [
      '{"ready": true}',
      '{"id": 1, "progress": {"step": 1, "steps": 9}}',
      '{"id": 1, "accuracy": NaN, "testAccuracy": 0.5, "seconds": 2}',
    ],
    read: (input) => {
      const answer = parseLine(textOf(input), "program");
      must(answer === null || Number.isSafeInteger(answer.id), "it answers nothing");
    },
  },
  {
    name: "messages of devices",
    samples: [hello, result].map((message) => JSON.stringify(message)),
    read: (input) => checkMessage(parseDeviceMessage(textOf(input))),
    share: 0.5,
  },
  {
    name: "messages of searches",
    samples: [JSON.stringify(job)],
    read: (input) => checkMessage(parseSearchMessage(textOf(input))),
    share: 0.5,
  },
];
