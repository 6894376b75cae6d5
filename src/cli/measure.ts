import { measureSteadily } from "../device/canary.ts";
import type { DeviceModel, Latency } from "../device/device.ts";
import { MnasError } from "../errors.ts";
import { openDevice } from "../device/open.ts";
import { candidateOf, deviceModel } from "../study/candidate.ts";
import { readFile } from "../util/files.ts";
import { findNetwork } from "./network.ts";
import { openingOf } from "./notices.ts";
import { ms, print, printJson, say, table } from "./output.ts";
import { latencyCell, originNote } from "./tables.ts";

export interface MeasureOptions {
  readonly device?: string;
  readonly listen?: string;
  readonly width?: number;
  readonly size?: number;
  readonly classes?: number;
  readonly sustained?: boolean;
  readonly json?: boolean;
}

function modelOf(text: string, { width, size, classes }: MeasureOptions): DeviceModel {
  if (text.endsWith(".onnx")) {
    const bytes = readFile(text);
    return { name: text, madds: null, graph: null, onnx: () => bytes, tflite: null };
  }
  if (text.endsWith(".tflite")) {
    const bytes = readFile(text);
    const onnx = (): never => {
      throw new MnasError("MODEL_INVALID", `Cannot measure "${text}": the device runs ONNX models`, {
        hint: "Give the network as an .onnx file, or choose a device that runs TFLite.",
      });
    };
    return { name: text, madds: null, graph: null, onnx, tflite: () => bytes };
  }
  const { name, arch, weights } = findNetwork(text, { width, size, classes });
  return { ...deviceModel(candidateOf(arch), weights ?? undefined), name };
}

/** `mnas measure NETWORK… --device D` */
export async function measure(networks: readonly string[], options: MeasureOptions): Promise<void> {
  const models = networks.map((text) => modelOf(text, options));
  await using device = await openDevice(options.device ?? "host", openingOf(options));
  if (options.json !== true) say(`device   ${device.description}${originNote(device.origin)}`);
  const measureAll = async (): Promise<(Latency & { readonly name: string })[]> => {
    const rows = [];
    for (const model of models) rows.push({ name: model.name, ...(await device.measure(model)) });
    return rows;
  };
  const steady = await measureSteadily(device, measureAll, {
    isSustained: options.sustained === true,
  });
  const rows = steady.result.map((row) => ({
    ...row,
    isUnstable: row.isUnstable || steady.isUnstable,
    canary: steady.canary,
  }));
  if (options.json === true) return printJson(rows);
  if (rows.some(({ isUnstable }) => isUnstable)) say("the device was not stable; what is marked may be too high");
  for (const note of new Set(rows.flatMap(({ notes }) => notes ?? []))) say(`note     ${note}`);
  print(
    table(
      ["median", "95 % interval", "p90", "runs", "network"],
      rows.map((row) => [
        latencyCell({ latencyMs: row.medianMs, isUnstable: row.isUnstable }),
        `${ms(row.lowMs)} to ${ms(row.highMs)}`,
        ms(row.p90Ms),
        String(row.runs),
        row.name,
      ]),
    ),
  );
}
