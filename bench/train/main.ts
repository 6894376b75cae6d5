/*
 * Our training engine and PyTorch's, side by side: `npm run bench:train`.
 *
 *   --networks tiny,cifar    some of networks.ts; all by default
 *   --json                   prints JSON, progress aside
 *
 * Ends with code 1 when the losses of both sides differ.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { version } from "../../src/version.ts";
import { compare, type Comparison } from "./compare.ts";
import { networks } from "./networks.ts";
import { writeProblem } from "./problem.ts";
import { findPython } from "../python.ts";
import { startOurs, startPytorch } from "./team.ts";

interface Peak {
  readonly one: number;
  readonly all: number;
}

/** GFLOP/s of matrix products, ours and PyTorch's, on one core and on all. */
async function gemmPeaks(python: string, cores: number): Promise<{ ours: Peak; pytorch: Peak }> {
  const folder = mkdtempSync(join(tmpdir(), "mnas-bench-"));
  try {
    writeProblem(networks[0]!, folder);
    using ours = startOurs(folder, cores);
    const configuration = { layout: "nchw", processes: cores, threads: 1 } as const;
    using pytorch = startPytorch(python, folder, configuration, "symmetric");
    const best = { ours: { one: 0, all: 0 }, pytorch: { one: 0, all: 0 } };
    // The best that was seen: a peak is what nothing else disturbed.
    for (let round = 0; round < 5; round++) {
      for (const [side, team] of [
        ["ours", ours],
        ["pytorch", pytorch],
      ] as const) {
        best[side].one = Math.max(best[side].one, await team.gemm(1, 1));
        best[side].all = Math.max(best[side].all, await team.gemm(1));
      }
    }
    return best;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What is reported of a network; `peaks` are those of our matrix product. */
function summary({ all, one, ...rest }: Comparison, peaks: Peak) {
  const part = ({ ours, pytorch }: Comparison["all"], peak: number) => {
    const gflops = (6 * rest.madds * ours.imagesPerSecond) / 1e9;
    return {
      ours: ours.imagesPerSecond,
      pytorch: pytorch.imagesPerSecond,
      ratio: ours.imagesPerSecond / pytorch.imagesPerSecond,
      oursPeakBytes: ours.peakBytes,
      pytorchPeakBytes: pytorch.peakBytes,
      gflops,
      shareOfPeak: gflops / peak,
      oursWindows: ours.windows,
      pytorchWindows: pytorch.windows,
      disturbed: ours.disturbed + pytorch.disturbed,
      isQuiet: ours.isQuiet && pytorch.isQuiet,
      layout: pytorch.layout,
      processes: pytorch.processes,
      threads: pytorch.threads,
    };
  };
  const scaling = all.ours.imagesPerSecond / one.ours.imagesPerSecond;
  return { ...rest, ...part(all, peaks.all), scaling, oneCore: part(one, peaks.one) };
}

type Summary = ReturnType<typeof summary>;

const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);
const lines = (cores: number, s: Summary): string[] => {
  const row = (count: number, p: Summary["oneCore"]): string =>
    [
      s.name.padEnd(8),
      String(count).padStart(5),
      p.ours.toFixed(1).padStart(8),
      p.pytorch.toFixed(1).padStart(8),
      p.ratio.toFixed(2).padStart(6),
      p.gflops.toFixed(1).padStart(8),
      `${(100 * p.shareOfPeak).toFixed(0)} %`.padStart(6),
      mebibytes(p.oursPeakBytes).padStart(9),
      mebibytes(p.pytorchPeakBytes).padStart(12),
      `  ${p.layout}, ${p.processes} × ${p.threads}${p.disturbed === 0 ? "" : `; ${p.disturbed} disturbed${p.isQuiet ? "" : ", which count"}`}`,
    ].join(" ");
  return [...(cores > 1 ? [row(cores, s)] : []), row(1, s.oneCore)];
};

const { values } = parseArgs({ options: { json: { type: "boolean" }, networks: { type: "string" } } });
const names = values.networks?.split(",") ?? networks.map(({ name }) => name);
const chosen = names.map((name) => {
  const network = networks.find((one) => one.name === name);
  if (network !== undefined) return network;
  console.error(`error: Cannot find network "${name}": use ${networks.map((n) => n.name).join()}`);
  process.exit(2);
});
const say = (text: string): void => (values.json === true ? console.error(text) : console.log(text));

const { program, version: torch } = findPython("pytorch");
const cores = availableParallelism();
const cpu = cpus()[0]!.model.trim();
const versions = { mnas: version, node: process.version, torch };
const gemm = await gemmPeaks(program, cores);
say(`${cpu}, ${cores} cores, Node ${versions.node}, PyTorch ${torch}`);
say(
  `matrix products, GFLOP/s on one core / all: ours ${gemm.ours.one.toFixed(0)} / ${gemm.ours.all.toFixed(0)}, ` +
    `PyTorch ${gemm.pytorch.one.toFixed(0)} / ${gemm.pytorch.all.toFixed(0)}\n`,
);
say("network  cores     ours  PyTorch  ratio  GFLOP/s  share  ours MiB  PyTorch MiB  PyTorch's best");
const summaries: Summary[] = [];
for (const network of chosen) {
  const result = summary(await compare(network, cores, program), gemm.ours);
  summaries.push(result);
  for (const line of lines(cores, result)) say(line);
  const { agrees, atFirst, largestOfFirst, mean } = result.losses;
  const show = ([ours, noise]: readonly [number, number]): string =>
    `${ours.toExponential(1)} (${noise.toExponential(1)})`;
  say(
    `         ${agrees ? "losses agree" : "LOSSES DIFFER"}: ${atFirst.toExponential(1)} at first, up to ` +
      `${show(largestOfFirst)} in 10 steps, ${show(mean)} in the mean of 50 (in brackets: PyTorch after rounding its weights); ` +
      `scaling ${result.scaling.toFixed(2)}`,
  );
}
if (values.json === true) console.log(JSON.stringify({ cpu, cores, versions, gemm, networks: summaries }, null, 2));
if (summaries.some(({ losses }) => !losses.agrees)) {
  console.error("The losses of both sides differ, so their speeds say nothing");
  process.exitCode = 1;
}
