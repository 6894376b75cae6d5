import { existsSync } from "node:fs";
import { measureCanary, isDrift } from "../device/canary.ts";
import type { Latency } from "../latency.ts";
import { openDevice } from "../device/open.ts";
import { checkMeasures, provenanceChanges, provenanceOf } from "../device/provenance.ts";
import { missingParts, partTiming, profile as profileParts } from "../device/table/profile.ts";
import { partsOfSpace } from "../device/table/space.ts";
import { emptyTable, readTable, writeTable, type LatencyTable } from "../device/table/table.ts";
import { MnasError } from "../errors.ts";
import { archOf, describeTask } from "../space/arch.ts";
import { sample } from "../space/space.ts";
import { buildNetwork } from "../arch/network.ts";
import { deviceModel } from "../device/model.ts";
import { checkWritable } from "../util/files.ts";
import { createRng } from "../util/rng.ts";
import { shellWord } from "../util/shell.ts";
import { loadConfig } from "./config-file.ts";
import { interruptible } from "./interrupt.ts";
import { openingOf, type ListenOptions } from "./notices.ts";
import { counted, duration, heldOutText, ms, print, say, warn } from "./output.ts";
import { stepsView } from "./steps.ts";
import { originNote } from "./tables.ts";
import { taskFor } from "./task.ts";

export interface ProfileOptions extends ListenOptions {
  readonly out: string;
  readonly device?: string;
  readonly space?: string;
  readonly data?: string;
  readonly size?: number;
  readonly classes?: number;
  readonly config?: string;
  readonly json?: boolean;
}

/** Whole networks that show what the sums have to be multiplied by. */
const wholeNetworks = 12;
/** What canaries, bases and repeats of a batch take besides: 0.94 s a layer on a busy server, where one alone took 0.51. */
const besides = 1.8;

/** The table in a file, to go on with it, or a new one. Throws `RUN_MISMATCH` when it is of something else. */
function startFrom(file: string, fresh: LatencyTable): LatencyTable {
  if (!existsSync(file)) return fresh;
  const known = readTable(file);
  const changes = [
    ...provenanceChanges(known.measuredOn, fresh.measuredOn),
    ...(["space", "task"] as const).flatMap((key) => {
      const [was, is] = [known[key], fresh[key]].map((value) => JSON.stringify(value));
      return was === is ? [] : [`${key}: ${was} → ${is}`];
    }),
  ];
  if (changes.length === 0) return known;
  throw new MnasError(
    "RUN_MISMATCH",
    `Cannot go on with table "${file}", which is of something else:\n  ${changes.join("\n  ")}`,
    { hint: "Choose another --out." },
  );
}

const driftText = (wasMs: number, { medianMs }: Latency): string =>
  `the device takes ${ms(medianMs)} for what took ${ms(wasMs)} when the table was begun; new times do not fit the old. If it stays so, start anew with another --out`;

/** `mnas profile --device D --space S --out table.json` */
export async function profile(options: ProfileOptions): Promise<void> {
  const { out, json = false } = options;
  const { device: deviceName, space: spaceName, data, size } = options;
  const config = await loadConfig(options.config, { device: deviceName, space: spaceName, data });
  const { space } = config;
  checkWritable(out);
  const task = await taskFor(options, { ...config, size: size ?? config.size });
  const parts = partsOfSpace(space, task);
  const networks = Array.from({ length: wholeNetworks }, (_, i) =>
    archOf(space, sample(space, createRng("profile").fork(i)), task),
  );

  let written = 0;
  // A batch of layers counts when the device was seen to be stable after it, so one that has begun is measured again.
  const ended = (): MnasError =>
    new MnasError("INTERRUPTED", "Profile interrupted", {
      hint: `Go on with the same command; ${written === 0 ? "nothing new was written" : `${shellWord(out)} has ${written} of ${parts.length} layers`}.`,
    });
  const table = await interruptible(json, ended, async (signal) => {
    await using device = await openDevice(config.device, openingOf(config.device, options, signal));
    checkMeasures(device);
    const canary = await measureCanary(device, { ...partTiming, signal });
    const start = startFrom(
      out,
      emptyTable(provenanceOf(device, canary), {
        time: canary.time,
        space: space.name,
        task,
        canaryMs: canary.time === null ? null : canary.medianMs,
      }),
    );
    const left = missingParts(start, parts).length;
    const total = parts.length + wholeNetworks;
    const plan = { parts: parts.length, missing: left, networks: wholeNetworks };
    // The first one began the device.
    const began = performance.now();
    await measureCanary(device, { ...partTiming, signal });
    const seconds = ((performance.now() - began) / 1000) * besides * (left + wholeNetworks);
    if (json) print(JSON.stringify({ event: "plan", device: device.description, ...plan, seconds }));
    else {
      say(`device   ${device.description}${originNote(device.origin)}`);
      say(`space    ${space.name}, ${describeTask(task)}`);
      const before = left < parts.length ? `, ${parts.length - left} measured before` : "";
      say(`layers   ${parts.length} different ones${before}; and ${wholeNetworks} whole networks`);
      say(`time     about ${duration(seconds)}`);
      if (start.canaryMs !== null && isDrift(canary.medianMs, start.canaryMs)) warn(driftText(start.canaryMs, canary));
    }
    const view = stepsView(total, parts.length - left, json);
    try {
      return await profileParts(start, {
        device,
        task,
        parts,
        networks,
        modelOf: (arch) => deviceModel(buildNetwork(arch)),
        signal,
        onProgress: (known, { done }) => {
          writeTable(out, known);
          written = parts.length - missingParts(known, parts).length;
          view.show(done);
        },
      });
    } finally {
      view.end();
    }
  });

  const { entries, unstable, isComplete, scale, heldOut } = table;
  const count = Object.keys(entries).length;
  if (json)
    return print(
      JSON.stringify({
        event: "done",
        table: out,
        entries: count,
        unstable: unstable.length,
        isComplete,
        scale,
        heldOut,
      }),
    );
  if (unstable.length > 0)
    warn(
      `${counted(unstable.length, "layer")} measured while the device was not stable; run it again to measure them again`,
    );
  if (!isComplete) warn(`${parts.length - count} of ${parts.length} layers cannot run on this device`);
  print(`table    ${out}, ${counted(count, "time")}, ${ms(Math.max(0, ...Object.values(entries)))} at most`);
  print(`scale    ${scale.toFixed(3)}: what ${wholeNetworks} whole networks took, as a share of their sums`);
  if (heldOut !== null) print(`held out ${heldOutText(heldOut)}`);
  print(`next     mnas search --device ${shellWord(`table:${out}`)}`);
}
