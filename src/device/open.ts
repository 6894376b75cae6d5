import { MnasError } from "../errors.ts";
import type { LatencyDevice } from "./device.ts";

/** Every kind of device by the first part of its name; each is loaded when it is opened. */
const kinds: ReadonlyMap<string, () => Promise<LatencyDevice>> = new Map([
  ["host", async () => (await import("./host.ts")).openHost()],
  ["madds", async () => (await import("./madds.ts")).openMadds()],
]);

/** Names that `openDevice` knows. */
export const deviceNames: readonly string[] = [...kinds.keys()];

/**
 * The device of a name: `host` is this machine's CPU; `madds` computes milliseconds from multiply-adds.
 *
 * @throws MnasError `DEVICE_UNAVAILABLE` for an unknown name, or when what the device needs does not load.
 */
export async function openDevice(name: string): Promise<LatencyDevice> {
  const open = kinds.get(name);
  if (open !== undefined) return open();
  throw new MnasError("DEVICE_UNAVAILABLE", `Cannot open device "${name}": no such device`, {
    hint: `Use one of ${deviceNames.join(", ")}.`,
  });
}
