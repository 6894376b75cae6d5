import { resolve } from "node:path";
import { MnasError } from "../errors.ts";
import type { LatencyDevice } from "./device.ts";
import type { OpenOptions } from "./options.ts";
import { withoutToken } from "./remote/address.ts";

interface Kind {
  /** How its names look. */
  readonly form: string;
  /** Loads and opens it; `rest` is what follows `KIND:` in `name`, with `@` before a runtime. */
  readonly open: (name: string, rest: string, options: OpenOptions) => Promise<LatencyDevice>;
}

/** For kinds whose name says it all. */
const plain =
  (open: () => Promise<LatencyDevice>): Kind["open"] =>
  (name, rest) =>
    rest === "" ? open() : unknown(name);

/** For kinds that are made of a file. */
const ofFile =
  (open: (file: string) => Promise<LatencyDevice>): Kind["open"] =>
  (name, file) =>
    file === "" ? unknown(name) : open(file);

/** Every kind of device by the first part of its name. */
const kinds: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ["host", { form: "host", open: plain(async () => (await import("./host.ts")).openHost()) }],
  ["madds", { form: "madds", open: plain(async () => (await import("./madds.ts")).openMadds()) }],
  ["table", { form: "table:FILE", open: ofFile(async (file) => (await import("./table/device.ts")).openTable(file)) }],
  [
    "predictor",
    {
      form: "predictor:FILE",
      open: ofFile(async (file) => (await import("./predict/predictor.ts")).openPredictor(file)),
    },
  ],
  [
    "page",
    {
      form: "page[:NAME][@RUNTIME]",
      open: async (name, rest, options) => (await import("./remote/page.ts")).openPage(name, rest, options),
    },
  ],
  [
    "adb",
    {
      form: "adb[:SERIAL][@MASK][@onnx]",
      open: async (name, rest, options) => (await import("./adb/device.ts")).openAdb(name, rest, options),
    },
  ],
  [
    "tcp",
    {
      form: "tcp://HOST:PORT",
      open: async (name, _rest, options) => (await import("./remote/tcp.ts")).openTcp(name, options),
    },
  ],
]);

/** The name of a device that means the same from every folder: files by their absolute path. */
export function deviceAnywhere(name: string): string {
  const [, kind, file] = /^(table|predictor):(.+)$/s.exec(name) ?? [];
  return file === undefined ? name : `${kind}:${resolve(file)}`;
}

/** Kinds of devices that `openDevice` knows. */
export const deviceNames: readonly string[] = [...kinds.keys()];

function unknown(name: string): never {
  const known = kinds.get(/^[a-z]*/.exec(name)![0]);
  const problem = known === undefined ? "no such device" : `it is called ${known.form}`;
  throw new MnasError("DEVICE_INVALID", `Cannot open device "${withoutToken(name)}": ${problem}`, {
    hint: `Use one of ${[...kinds.values()].map(({ form }) => form).join(", ")}.`,
  });
}

/**
 * The device of a name, `KIND[:REST]`. `host` is this machine's CPU, `madds` computes milliseconds from multiply-adds,
 * `page` is a browser that joins over the network, `adb` an Android phone, `tcp` another machine on which
 * `mnas device serve` runs; `table` adds up what `mnas profile` measured, `predictor` predicts by what `mnas fit` found.
 *
 * @throws MnasError `DEVICE_UNAVAILABLE` for an unknown name, or when what the device needs is not there; the reason of
 * `options.signal` when that aborts.
 */
export async function openDevice(name: string, options: OpenOptions = {}): Promise<LatencyDevice> {
  const [, kind = "", rest, runtime] = /^([a-z]+)(?::(.*)|(@.*))?$/.exec(name) ?? [];
  return (kinds.get(kind)?.open ?? unknown)(name, rest ?? runtime ?? "", options);
}
