import { MnasError } from "../../errors.ts";
import type { ToolName } from "./tools.ts";

/** What a name such as `adb:SERIAL@f0@onnx` says. */
export interface AdbName {
  /** Null for the only phone there is. */
  readonly serial: string | null;
  /** Bits of the cores to run on, hexadecimal as `taskset` has it; null for the fastest. */
  readonly mask: string | null;
  readonly tool: ToolName;
}

/**
 * Serials of phones, their addresses and announced names in a network, which may be numbered as in "adb-X (2)._tcp";
 * nothing that a shell or adb could take for something else.
 */
const serialForm = /^[\w.](?:[\w.:-]| \(\d+\)| (?=[\w.]))*$/;
/** Up to 64 cores, of which at least one. */
const maskForm = /^(?=.*[1-9a-f])[0-9a-f]{1,16}$/;

/**
 * Parses what follows `adb`: `[SERIAL][@MASK][@onnx]`.
 *
 * @throws MnasError `DEVICE_INVALID` when it is of another form.
 */
export function parseAdbName(name: string, rest: string): AdbName {
  const fail = (why: string): never => {
    throw new MnasError("DEVICE_INVALID", `Cannot open device "${name}": ${why}`, {
      hint: "Use adb[:SERIAL][@MASK][@onnx], for example adb:R5CT10XXXXX@f0; `adb devices` lists serials.",
    });
  };
  const [serial = "", ...options] = rest.split("@");
  if (serial !== "" && !serialForm.test(serial)) fail(`"${serial}" is no serial`);
  let mask: string | null = null;
  let tool: ToolName = "tflite";
  for (const option of options) {
    if (option === "onnx" && tool === "tflite") tool = "onnx";
    else if (maskForm.test(option) && mask === null) mask = option;
    else fail(`"@${option}" is neither a mask of cores in hexadecimal nor @onnx`);
  }
  return { serial: serial === "" ? null : serial, mask, tool };
}
