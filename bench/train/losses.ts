import { startOurs, startPytorch, type Team } from "./team.ts";

const steps = 50;
const firstSteps = 10;

export interface LossCheck {
  readonly agrees: boolean;
  /** Relative differences from PyTorch's losses: ours, and those of PyTorch from weights changed as by rounding. */
  readonly atFirst: number;
  readonly largestOfFirst: readonly [ours: number, noise: number];
  readonly mean: readonly [ours: number, noise: number];
}

/** Relative error of a sum of some hundred float32. */
const rounding = 1e-6;

/**
 * Whether both sides learn the same. The first loss is the forward pass and must agree to float32. Later ones depend on
 * the order of every sum, and differences in the last bits grow from step to step, in PyTorch as well. How much they grow
 * is seen by training in PyTorch once more from weights changed by as much as rounding: ours may differ three times as
 * much, and never by a tenth.
 */
export async function checkLosses(python: string, folder: string): Promise<LossCheck> {
  const configuration = { layout: "nchw", processes: 1, threads: 1 } as const;
  const teams: readonly Team[] = [
    startOurs(folder, 1),
    startPytorch(python, folder, configuration, "exact"),
    startPytorch(python, folder, configuration, "exact"),
  ];
  try {
    await teams[2]!.nudge(rounding);
    const [ours, pytorch, nudged] = await Promise.all(teams.map((team) => team.losses(steps)));
    const differences = (losses: readonly number[]): number[] =>
      losses.map((loss, i) => Math.abs(loss / pytorch![i]! - 1));
    const both = [differences(ours!), differences(nudged!)] as const;
    const over = (of: (values: readonly number[]) => number) => [of(both[0]), of(both[1])] as const;
    const largestOfFirst = over((values) => Math.max(...values.slice(0, firstSteps)));
    const mean = over((values) => values.reduce((sum, value) => sum + value, 0) / steps);
    const isNear = ([own, noise]: readonly [number, number]): boolean =>
      own <= Math.min(0.1, Math.max(1e-3, 3 * noise));
    const atFirst = both[0][0]!;
    return { agrees: atFirst <= 1e-5 && isNear(largestOfFirst) && isNear(mean), atFirst, largestOfFirst, mean };
  } finally {
    for (const team of teams) team[Symbol.dispose]();
  }
}
