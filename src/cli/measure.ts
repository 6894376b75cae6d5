import type { DeviceModel } from "../device/device.ts";
import { MnasError } from "../errors.ts";
import { openDevice } from "../device/open.ts";
import { joinPort, parseAddress } from "../device/remote/address.ts";
import { candidateOf, deviceModel } from "../study/candidate.ts";
import { readFile } from "../util/files.ts";
import { taskOptions } from "./models.ts";
import { findNetwork } from "./network.ts";
import { noticeView } from "./notices.ts";
import { ms, print, printJson, say, table } from "./output.ts";
import { latencyCell, originNote } from "./tables.ts";

export interface MeasureOptions {
  readonly device?: string;
  readonly listen?: string;
  readonly width?: number;
  readonly size?: number;
  readonly classes?: number;
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
  const { name, arch, weights } = findNetwork(text, { width, task: taskOptions({ size, classes }) });
  return { ...deviceModel(candidateOf(arch), weights ?? undefined), name };
}

/** `mnas measure NETWORK… --device D` */
export async function measure(networks: readonly string[], options: MeasureOptions): Promise<void> {
  const models = networks.map((text) => modelOf(text, options));
  await using device = await openDevice(options.device ?? "host", {
    onNotice: noticeView(options.json === true ? "stderr" : "none"),
    listen: options.listen === undefined ? undefined : parseAddress(options.listen, joinPort),
  });
  if (options.json !== true) say(`device   ${device.description}${originNote(device.origin)}`);
  const rows = [];
  for (const model of models) rows.push({ name: model.name, ...(await device.measure(model)) });
  if (options.json === true) return printJson(rows);
  if (rows.some(({ isDisturbed }) => isDisturbed)) say("the machine was busy; what is marked is too high");
  print(
    table(
      ["median", "95 % interval", "p90", "runs", "network"],
      rows.map((row) => [
        latencyCell({ latencyMs: row.medianMs, isDisturbed: row.isDisturbed }),
        `${ms(row.lowMs)} to ${ms(row.highMs)}`,
        ms(row.p90Ms),
        String(row.runs),
        row.name,
      ]),
    ),
  );
}
