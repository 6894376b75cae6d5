import type { Latency } from "../../latency.ts";
import { MnasError } from "../../errors.ts";
import type { DeviceModel, LatencyDevice, MeasureOptions } from "../device.ts";
import type { OpenOptions } from "../options.ts";
import { factsCommand, fastestCores, parseFacts } from "./facts.ts";
import { parseAdbName } from "./name.ts";
import { choosePhone } from "./list.ts";
import { enterPhone } from "./phone.ts";
import { throwFailure } from "./failures.ts";
import { combine } from "./rounds.ts";
import { systemAdb, type Adb } from "./runner.ts";
import type { Place } from "./run.ts";
import { timeOnPhone } from "./timing.ts";
import { findTool, tools } from "./tools.ts";
import { createTurns } from "../../util/async.ts";

/**
 * An Android phone, by `adb`: a benchmark program of the user's runs models there on chosen cores, one thread, batch 1.
 *
 * @param rest what follows `adb` in `name`: `[SERIAL][@MASK][@onnx]`.
 * @throws MnasError `DEVICE_UNAVAILABLE` when there is no such phone, or it or the program cannot be used; the reason of
 * `options.signal` when that aborts.
 */
export async function openAdb(
  name: string,
  rest: string,
  { signal, onNotice = () => {} }: OpenOptions = {},
  adb: Adb = systemAdb,
): Promise<LatencyDevice> {
  const { serial: wanted, mask: given, tool: toolName } = parseAdbName(name, rest);
  const tool = tools[toolName];
  const { path, version } = findTool(tool, name);
  const serial = await choosePhone(adb, name, wanted, signal);
  const told = await adb.run(["-s", serial, "shell", factsCommand], { signal });
  if (told.code !== 0) throwFailure(`open device "${name}"`, told);
  const { device, os, isEmulator, frequencies } = parseFacts(told.stdout);
  const origin = isEmulator ? "emulated" : "native";
  const mask = given ?? fastestCores(frequencies);
  const warn = (message: string): void => onNotice({ event: "warning", message });
  if (isEmulator) warn(`${serial} is an emulator: what it measures is this machine, not a phone`);
  if (mask === null) warn(`${serial} does not tell its cores' frequencies, so models may run on any core`);

  const phone = await enterPhone(adb, name, serial, signal);
  try {
    await phone.put(tool.file, path, { signal });
    const made = await phone.shell(`chmod 755 ${phone.folder}/${tool.file}`, { signal });
    if (made.code !== 0) throwFailure(`open device "${name}"`, made);
  } catch (error) {
    await phone[Symbol.asyncDispose]();
    throw error;
  }

  const cores = mask === null ? "any core" : `cores ${mask}`;
  const place: Place = { name, phone, mask };
  const closing = new AbortController();
  const inTurn = createTurns();

  const measure = async (model: DeviceModel, options: MeasureOptions): Promise<Latency> => {
    options.signal?.throwIfAborted();
    const fail = (why: string): never => {
      throw new MnasError("DEVICE_UNAVAILABLE", `Cannot measure "${model.name}": device ${name} ${why}`);
    };
    if (closing.signal.aborted) fail("is closed");
    const either = options.signal === undefined ? closing.signal : AbortSignal.any([options.signal, closing.signal]);
    try {
      const { timed, temperatureC } = await timeOnPhone(place, tool, model, { ...options, signal: either });
      const { provider, notes } = timed[0]!;
      return {
        ...combine(timed),
        overheadMs: 0,
        threads: 1,
        device,
        runtime: tool.runtime,
        runtimeVersion: version,
        provider: `${provider}, ${cores}`,
        os,
        origin,
        notes: [
          ...(isEmulator ? ["measured in an emulator, which runs on this machine's processor"] : []),
          `the interval supposes that runs are normal: ${tool.file} gives their spread, not each`,
          ...notes,
        ],
        ...(temperatureC === null ? {} : { temperatureC }),
        time: new Date().toISOString(),
      };
    } catch (error) {
      if (options.signal?.aborted !== true && closing.signal.aborted) return fail("was closed");
      throw error;
    }
  };

  return {
    name,
    description: `${device}, ${os}, ${cores}, 1 thread, ${tool.runtime}`,
    origin,
    measure: (model, options = {}) => inTurn(() => measure(model, options)),
    [Symbol.asyncDispose]: async () => {
      if (closing.signal.aborted) return;
      closing.abort();
      await inTurn(async () => {});
      await phone[Symbol.asyncDispose]();
    },
  };
}
