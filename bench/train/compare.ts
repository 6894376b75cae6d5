import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildGraph } from "../../src/arch/build.ts";
import { costsOf } from "../../src/graph/costs.ts";
import { parseArch } from "../../src/space/notation.ts";
import { checkLosses, type LossCheck } from "./losses.ts";
import type { Network } from "./networks.ts";
import { writeProblem } from "./problem.ts";
import { startOurs, startPytorch, type Configuration, type Team } from "./team.ts";
import { timeInTurns, type Timed } from "./windows.ts";

/** Enough for some steps of the slowest network. */
const windowSeconds = 2;
const scanSeconds = 1;
const scanRounds = 3;
/** Of matrix products on all cores between windows, which tell whether something else is at work on one. */
const lookSeconds = 0.08;

/** One side at work on so many cores. */
export interface Speed extends Timed {
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

/** Tries the configurations for a moment, in turn; the fastest comes first. */
async function scanOf(python: string, folder: string, configurations: readonly Configuration[]) {
  using stack = new DisposableStack();
  const scan = configurations.map((configuration) => ({
    configuration,
    team: stack.use(startPytorch(python, folder, configuration, "symmetric")),
    imagesPerSecond: 0,
  }));
  for (const { team } of scan) await team.train(scanSeconds);
  for (let round = 0; round < scanRounds; round++) {
    for (const each of scan) each.imagesPerSecond = Math.max(each.imagesPerSecond, await each.team.train(scanSeconds));
  }
  return scan
    .map(({ configuration, imagesPerSecond }) => ({ ...configuration, imagesPerSecond }))
    .sort((x, y) => y.imagesPerSecond - x.imagesPerSecond);
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
  const [oursAll, theirsAll, oursOne, theirsOne] = (await timeInTurns(
    [
      () => ours.train(windowSeconds),
      () => pytorchAll.train(windowSeconds),
      () => ours.train(windowSeconds, 1),
      () => pytorchOne.train(windowSeconds),
    ],
    () => ours.gemm(lookSeconds),
  )) as [Timed, Timed, Timed, Timed];
  const speedOf = (timed: Timed, team: Team): Speed => ({ ...timed, peakBytes: team.peakBytes() });
  const { params, madds } = costsOf(buildGraph(parseArch(network.notation)));
  return {
    ...network,
    params,
    madds,
    losses,
    scan: cores > 1 ? [...scanOne, ...scanAll] : scanOne,
    all: { ours: speedOf(oursAll, ours), pytorch: { ...speedOf(theirsAll, pytorchAll), ...onAll } },
    one: { ours: speedOf(oursOne, ours), pytorch: { ...speedOf(theirsOne, pytorchOne), ...onOne } },
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
