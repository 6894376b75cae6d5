import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildGraph } from "../../src/arch/build.ts";
import { costsOf } from "../../src/graph/costs.ts";
import { parseArch } from "../../src/space/notation.ts";
import { checkLosses, type LossCheck } from "./losses.ts";
import type { Network } from "./networks.ts";
import { writeProblem } from "./problem.ts";
import { startOurs, startPytorch, type Configuration } from "./team.ts";

const rounds = 7;
/** Enough for some steps of the slowest network. */
const windowSeconds = 2;
const scanSeconds = 1;

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** One side at work on so many cores: images per second, and what they were in each window. */
export interface Speed {
  readonly imagesPerSecond: number;
  readonly windows: readonly number[];
  readonly peakBytes: number;
}

export interface Comparison extends Network {
  readonly params: number;
  readonly madds: number;
  readonly losses: LossCheck;
  /** Of each configuration in the scan; the fastest was used. */
  readonly scan: readonly (Configuration & { readonly imagesPerSecond: number })[];
  readonly all: { readonly ours: Speed; readonly pytorch: Speed & Configuration };
  readonly one: { readonly ours: Speed; readonly pytorch: Speed & Configuration };
}

const layouts = ["channels_last", "nchw"] as const;

/** Tries each configuration for a moment; the fastest comes first. */
async function scanOf(python: string, folder: string, configurations: readonly Configuration[]) {
  const scan = [];
  for (const configuration of configurations) {
    using team = startPytorch(python, folder, configuration, "symmetric");
    await team.train(scanSeconds);
    const speeds = [await team.train(scanSeconds), await team.train(scanSeconds)];
    scan.push({ ...configuration, imagesPerSecond: Math.max(...speeds) });
  }
  return scan.sort((a, b) => b.imagesPerSecond - a.imagesPerSecond);
}

const configurationOf = ({ layout, processes, threads }: Configuration): Configuration => ({
  layout,
  processes,
  threads,
});

async function compareIn(folder: string, network: Network, cores: number, python: string): Promise<Comparison> {
  writeProblem(network, folder);
  const losses = await checkLosses(python, folder);
  const single = layouts.map((layout) => ({ layout, processes: 1, threads: 1 }));
  const whole = layouts.flatMap((layout) => [
    { layout, processes: 1, threads: cores },
    { layout, processes: cores, threads: 1 },
  ]);
  const scanOne = await scanOf(python, folder, single);
  const scanAll = cores > 1 ? await scanOf(python, folder, whole) : scanOne;
  const [onOne, onAll] = [configurationOf(scanOne[0]!), configurationOf(scanAll[0]!)];

  using ours = startOurs(folder, cores);
  using pytorchAll = startPytorch(python, folder, onAll, "symmetric");
  using pytorchOne = startPytorch(python, folder, onOne, "symmetric");
  // Each in turn, so that whatever else happens on the machine happens to all of them.
  const turns = [
    { run: (seconds: number) => ours.train(seconds), windows: [] as number[] },
    { run: (seconds: number) => pytorchAll.train(seconds), windows: [] as number[] },
    { run: (seconds: number) => ours.train(seconds, 1), windows: [] as number[] },
    { run: (seconds: number) => pytorchOne.train(seconds), windows: [] as number[] },
  ] as const;
  for (const { run } of turns) await run(windowSeconds);
  for (let round = 0; round < rounds; round++) {
    for (const { run, windows } of turns) windows.push(await run(windowSeconds));
  }
  const speedOf = (turn: number, peakBytes: number): Speed => {
    const { windows } = turns[turn]!;
    return { imagesPerSecond: median(windows), windows, peakBytes };
  };
  const { params, madds } = costsOf(buildGraph(parseArch(network.notation)));
  return {
    ...network,
    params,
    madds,
    losses,
    scan: cores > 1 ? [...scanOne, ...scanAll] : scanOne,
    all: {
      ours: speedOf(0, ours.peakBytes()),
      pytorch: { ...speedOf(1, pytorchAll.peakBytes()), ...onAll },
    },
    one: {
      ours: speedOf(2, ours.peakBytes()),
      pytorch: { ...speedOf(3, pytorchOne.peakBytes()), ...onOne },
    },
  };
}

/** Trains a network on both sides and times them, on one core and on all. */
export async function compare(network: Network, cores: number, python: string): Promise<Comparison> {
  const folder = mkdtempSync(join(tmpdir(), "mnas-bench-"));
  try {
    return await compareIn(folder, network, cores, python);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
