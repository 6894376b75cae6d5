import type { Latency } from "../../latency.ts";
import type { DeviceModel, MeasureOptions } from "../device.ts";
import { leastRuns } from "../protocol.ts";
import { parseTemperature, temperatureCommand } from "./facts.ts";
import type { Phone } from "./phone.ts";
import { runTool, type Place } from "./run.ts";
import type { ToolRun } from "./tool-run.ts";
import type { Tool } from "./tools.ts";

type Temperature = NonNullable<Latency["temperatureC"]>;

/** Each process lays out its memory anew, and finds the cores in another state; so the runs are of several. */
const rounds = 3;

/** How a phone measures unless told otherwise: longer than `host`, since its cores take some time to speed up. */
const defaults = { loadMs: 0, warmupMs: 600, minMs: 900, minRuns: leastRuns };

const secondsOf = (ms: number): number => Math.round(ms) / 1000;

async function temperatureOf({ shell }: Phone, signal: AbortSignal): Promise<number | null> {
  const { code, stdout } = await shell(temperatureCommand, { signal });
  return code === 0 ? parseTemperature(stdout) : null;
}

/**
 * Times a model in several processes of a tool, between two looks at the phone's temperature.
 *
 * @throws MnasError as `runTool`, and `DEVICE_UNAVAILABLE` when the model does not get onto the phone.
 */
export async function timeOnPhone(
  place: Place,
  tool: Tool,
  model: DeviceModel,
  { signal, ...options }: MeasureOptions & { readonly signal: AbortSignal },
): Promise<{ timed: ToolRun[]; temperatureC: Temperature | null }> {
  const { loadMs, warmupMs, minMs, minRuns } = { ...defaults, ...options };
  const { phone } = place;
  const file = `model.${tool.extension}`;
  await phone.put(file, tool.bytes(model), { signal });
  try {
    const before = await temperatureOf(phone, signal);
    const warmupSeconds = secondsOf(warmupMs / rounds);
    const inputs = model.isReshaped === true ? (model.inputs ?? []) : [];
    const plan = { model: `${phone.folder}/${file}`, inputs, runs: 1, seconds: 0, warmupSeconds, expectedMs: null };
    // Shows whether the model runs, and how long it takes.
    const first = await runTool(place, tool, model.name, plan, signal);
    const expectedMs = first.medianMs;
    if (loadMs > 0) await runTool(place, tool, model.name, { ...plan, seconds: secondsOf(loadMs), expectedMs }, signal);
    const timed: ToolRun[] = [];
    for (let i = 0; i < rounds; i++) {
      const share = { runs: Math.ceil(minRuns / rounds), seconds: secondsOf(minMs / rounds), expectedMs };
      timed.push(await runTool(place, tool, model.name, { ...plan, ...share }, signal));
    }
    const after = await temperatureOf(phone, signal);
    return { timed, temperatureC: before === null || after === null ? null : { before, after } };
  } finally {
    await phone.shell(`rm -f ${phone.folder}/${file} ${phone.folder}/pid`).catch(() => {});
  }
}
