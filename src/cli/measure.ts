import { measureSteadily } from "../device/canary.ts";
import { openDevice } from "../device/open.ts";
import { openingOf, type ListenOptions } from "./notices.ts";
import { ms, print, printJson, say, table } from "./output.ts";
import { inputText, modelsToMeasure, type SizeOptions } from "./model-files.ts";
import { latencyCell, originNote } from "./tables.ts";

export interface MeasureOptions extends SizeOptions, ListenOptions {
  readonly device?: string;
  readonly sustained?: boolean;
  readonly json?: boolean;
}

/** `mnas measure NETWORK… --device D` */
export async function measure(networks: readonly string[], options: MeasureOptions): Promise<void> {
  const models = modelsToMeasure(networks, options);
  await using device = await openDevice(options.device ?? "host", openingOf(options.device ?? "host", options));
  if (options.json !== true) say(`device   ${device.description}${originNote(device.origin)}`);
  const measureAll = async () => {
    const rows = [];
    for (const { model, inputs } of models) rows.push({ name: model.name, inputs, ...(await device.measure(model)) });
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
      ["median", "95 % interval", "p90", "runs", "input", "network"],
      rows.map((row) => [
        latencyCell({ latencyMs: row.medianMs, isUnstable: row.isUnstable }),
        `${ms(row.lowMs)} to ${ms(row.highMs)}`,
        ms(row.p90Ms),
        String(row.runs),
        row.inputs.map(inputText).join(", "),
        row.name,
      ]),
    ),
  );
}
