import { MnasError } from "../errors.ts";
import type { LatencyDevice } from "./device.ts";

interface Kind {
  /** What stands behind the colon; absent for a device that is only one. */
  readonly argument?: string;
  readonly open: (argument: string) => Promise<LatencyDevice> | LatencyDevice;
}

/** Every kind of device by the first part of its name; each is loaded when it is opened. */
const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ["host", { open: async () => (await import("./host.ts")).openHost() }],
  ["madds", { open: async () => (await import("./madds.ts")).openMadds() }],
  ["table", { argument: "FILE", open: async (file) => (await import("./table/device.ts")).openTable(file) }],
  [
    "predictor",
    { argument: "FILE", open: async (file) => (await import("./predict/predictor.ts")).openPredictor(file) },
  ],
]);

/** Names that `openDevice` knows, as in `table:FILE`. */
export const deviceNames: readonly string[] = [...kinds].map(([name, { argument }]) =>
  argument === undefined ? name : `${name}:${argument}`,
);

/**
 * The device of a name: `host` is this machine's CPU; `madds` computes milliseconds from multiply-adds; `table:FILE`
 * adds up what `mnas profile` measured; `predictor:FILE` predicts by what `mnas fit` found.
 *
 * @throws MnasError `DEVICE_UNAVAILABLE` for an unknown name, or when what the device needs does not load.
 */
export async function openDevice(name: string): Promise<LatencyDevice> {
  const [, first = "", argument] = /^([^:]*)(?::(.*))?$/s.exec(name) ?? [];
  const kind = kinds.get(first);
  const isNamed = kind?.argument === undefined ? argument === undefined : (argument ?? "") !== "";
  if (kind !== undefined && isNamed) return kind.open(argument ?? "");
  const problem =
    kind === undefined ? "no such device" : `it is called ${first}${kind.argument ? `:${kind.argument}` : ""}`;
  throw new MnasError("DEVICE_UNAVAILABLE", `Cannot open device "${name}": ${problem}`, {
    hint: `Use one of ${deviceNames.join(", ")}.`,
  });
}
