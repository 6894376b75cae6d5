import { cpus } from "node:os";
import { cacheUse } from "../data/cache.ts";
import { describeDataset, loadDataset } from "../data/dataset.ts";
import { openDevice } from "../device/open.ts";
import { createEngine } from "../engine/engine.ts";
import { guardWarning } from "../engine/guard.ts";
import { MnasError } from "../errors.ts";
import { mnasnetTinySpace } from "../space/presets.ts";
import { archOf } from "../space/arch.ts";
import { networkOf } from "../arch/network.ts";
import { deviceModel } from "../device/model.ts";
import { initWeights } from "../graph/weights.ts";
import { coresOfGroup } from "../util/cgroup.ts";
import { gib, memoryHere, usableCores } from "../util/machine.ts";
import { createRng } from "../util/rng.ts";
import { version } from "../version.ts";
import { counted, ms, paint, print, printJson } from "./output.ts";

interface Check {
  readonly name: string;
  readonly isOk: boolean;
  readonly says: string;
}

const task = { height: 28, width: 28, channels: 1, classes: 10 };
const network = () =>
  networkOf(
    archOf(
      mnasnetTinySpace,
      mnasnetTinySpace.decisions.map(() => 0),
      task,
    ),
  );

async function check(name: string, look: () => Promise<string> | string): Promise<Check> {
  try {
    return { name, isOk: true, says: await look() };
  } catch (error) {
    const hint = error instanceof MnasError && error.hint !== undefined ? `. ${error.hint}` : "";
    return { name, isOk: false, says: `${error instanceof Error ? error.message : String(error)}${hint}` };
  }
}

function coresText(): string {
  const quota = coresOfGroup();
  const by = quota === null ? "" : `: its container has a quota of ${Number(quota.toFixed(2))}`;
  return `of which mnas may use ${usableCores()}${by}`;
}

function memoryText(): string {
  const { total, limit, available } = memoryHere();
  const free = available === null ? "" : `, of which ${gib(available)} can be had now`;
  return limit === null
    ? `${gib(total)}${free}`
    : `${gib(limit)}, the limit of this container or job${free}; the machine has ${gib(total)}`;
}

/** Trains a small network for some steps, to say how fast this machine is. */
async function trainingSpeed(): Promise<string> {
  const { graph } = network();
  const engine = await createEngine(graph, {
    batch: 64,
    optimizer: { kind: "sgd", momentum: 0.9, nesterov: true },
    weightDecay: 0,
    labelSmoothing: 0,
    emaDecay: null,
    seed: 0,
  });
  engine.setWeights(initWeights(graph, createRng(0)));
  for (let i = 0; i < 5; i++) engine.step(0);
  const start = performance.now();
  for (let i = 0; i < 20; i++) engine.step(0);
  const warning = guardWarning();
  return `WebAssembly SIMD, ${Math.round((20 * 64 * 1000) / (performance.now() - start))} images/s per core on a small network${warning === null ? "" : `; ${warning}`}`;
}

/** `mnas doctor` */
export async function doctor({ json = false }: { json?: boolean }): Promise<void> {
  const checks = [
    await check("mnas", () => version),
    await check("node", () => `${process.versions.node}, V8 ${process.versions.v8}`),
    await check("machine", () => `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown CPU"}, ${coresText()}`),
    await check("memory", memoryText),
    await check("engine", trainingSpeed),
    await check("runtime", async () => {
      await using device = await openDevice("host");
      const { medianMs } = await device.measure(deviceModel(network()));
      return `${device.description}; a small network takes ${ms(medianMs)}`;
    }),
    await check("cache", () => {
      const { dir, files, bytes, problem } = cacheUse();
      if (problem !== null) return `${problem}; each command decodes images again, unless MNAS_CACHE_DIR is set`;
      return `${dir}: ${counted(files, "file")} of decoded images, ${(bytes / 2 ** 20).toFixed(1)} MiB, which may be deleted`;
    }),
    await check("images", async () => `sharp ${(await import("sharp")).default.versions.sharp ?? ""}`),
    await check("data", async () => describeDataset(await loadDataset(undefined, { seed: 0 }))),
  ];
  const broken = checks.filter(({ isOk }) => !isOk);
  if (json) printJson(checks);
  else
    for (const { name, isOk, says } of checks)
      print(`${isOk ? paint("green", "ok  ") : paint("red", "fail")}  ${name.padEnd(8)} ${says}`);
  if (broken.length > 0) {
    throw new MnasError(
      "DEVICE_UNAVAILABLE",
      `Cannot use this machine fully: ${broken.map(({ name }) => name).join(", ")} failed`,
      {
        hint: "Mend what failed; in a clone, `npm ci` brings back what was installed.",
      },
    );
  }
}
