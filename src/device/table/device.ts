import { MnasError } from "../../errors.ts";
import type { LatencyDevice } from "../device.ts";
import { errorText, predictedLatency } from "../provenance.ts";
import { predictWith, readTable } from "./table.ts";

/**
 * A latency table: predicts what networks take on the device that it was measured on, without that device.
 *
 * @throws MnasError `FILE_NOT_FOUND`, or `CONFIG_INVALID` when the file is no table.
 */
export function openTable(file: string): LatencyDevice {
  const table = readTable(file);
  const { measuredOn, time, task, heldOut } = table;
  let isClosed = false;
  return {
    name: `table:${file}`,
    description: `sums of layers measured on ${measuredOn.description}${time === null ? "" : `, ${time.slice(0, 10)}`}${heldOut === null ? "" : `; ${errorText(heldOut)}`}`,
    origin: "predicted",
    predicts: { device: measuredOn.name, task, heldOut },
    measure: async ({ name, arch }, { signal } = {}) => {
      signal?.throwIfAborted();
      if (isClosed) throw new MnasError("DEVICE_UNAVAILABLE", `Cannot predict "${name}": the table is closed`);
      if (arch === undefined)
        throw new MnasError("MODEL_INVALID", `Cannot predict "${name}": the layers of a model file are not known`, {
          hint: "Measure it on a device, for example with --device host.",
        });
      return predictedLatency(measuredOn, predictWith(table, arch, name));
    },
    [Symbol.asyncDispose]: async () => {
      isClosed = true;
    },
  };
}
